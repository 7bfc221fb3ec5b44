/*
 * trie.h
 *		Which patterns begin as a text does, in one pass over its start.
 *
 * Pure C.
 */
#ifndef LOG_TRIE_H
#define LOG_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIE_MAX_NODES 24576
#define TRIE_MAX_ENTRIES 1024

/* One byte of the beginnings.  Siblings are a list: there are few of them. */
typedef struct TrieNode
{
	char	byte;
	int16_t child;	 /* 0: none */
	int16_t sibling; /* 0: none */
	int16_t entry;	 /* the first that ends here, -1: none */
} TrieNode;

/* Of fixed size; to be filled once. */
typedef struct Trie
{
	int			num_nodes;
	int			num_entries;
	TrieNode	node[TRIE_MAX_NODES];	/* the first is the empty beginning */
	int16_t		next[TRIE_MAX_ENTRIES]; /* entry with the same beginning, -1: none */
	const void *value[TRIE_MAX_ENTRIES];
} Trie;

extern void TrieInit(Trie *trie);

/* False: it is full. */
extern bool TrieAdd(Trie *trie, const char *prefix, size_t len, const void *value);

/*
 * Values whose beginning the text has, the longest first, those with the same in
 * the order in which they were added; returns their number, at most max.
 */
extern int TrieFind(const Trie *trie, const char *text, size_t len, const void **values, int max);

#endif /* LOG_TRIE_H */
