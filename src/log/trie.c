/*
 * trie.c
 *		A trie of the beginnings of patterns.  Pure C.
 */
#include "log/trie.h"

#include <string.h>

#define MAX_DEPTH 128 /* more than PATTERN_PREFIX_SIZE */

void
TrieInit(Trie *trie)
{
	trie->num_nodes = 1;
	trie->num_entries = 0;
	trie->node[0] = (TrieNode){.entry = -1};
}

static int
Child(const Trie *trie, int node, char byte)
{
	int child = trie->node[node].child;

	while (child != 0 && trie->node[child].byte != byte)
		child = trie->node[child].sibling;
	return child;
}

bool
TrieAdd(Trie *trie, const char *prefix, size_t len, const void *value)
{
	int		 node = 0;
	int16_t *last;

	if (trie->num_entries >= TRIE_MAX_ENTRIES)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		int child = Child(trie, node, prefix[i]);

		if (child == 0)
		{
			if (trie->num_nodes >= TRIE_MAX_NODES)
				return false;
			child = trie->num_nodes++;
			trie->node[child] =
				(TrieNode){.byte = prefix[i], .sibling = trie->node[node].child, .entry = -1};
			trie->node[node].child = child;
		}
		node = child;
	}
	for (last = &trie->node[node].entry; *last >= 0;)
		last = &trie->next[*last];
	*last = trie->num_entries;
	trie->next[trie->num_entries] = -1;
	trie->value[trie->num_entries] = value;
	trie->num_entries++;
	return true;
}

int
TrieFind(const Trie *trie, const char *text, size_t len, const void **values, int max)
{
	int found[MAX_DEPTH];
	int num_found = 0;
	int count = 0;
	int node = 0;

	for (size_t i = 0;; i++)
	{
		if (trie->node[node].entry >= 0 && num_found < MAX_DEPTH)
			found[num_found++] = node;
		if (i >= len || (node = Child(trie, node, text[i])) == 0)
			break;
	}
	while (num_found-- > 0)
	{
		for (int e = trie->node[found[num_found]].entry; e >= 0 && count < max; e = trie->next[e])
			values[count++] = trie->value[e];
	}
	return count;
}
