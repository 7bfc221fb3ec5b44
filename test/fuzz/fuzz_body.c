/*
 * fuzz_body.c
 *		Any bytes as the body of a batch: whose it is, and its two halves.
 */
#include "fuzz.h"
#include "spool/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing that could end a header, and the parts that others rely on. */
static void
CheckId(const char *id)
{
	char collector[BATCH_ID_SIZE];

	for (const char *p = id; *p; p++)
		Require((unsigned char) *p >= ' ' && *p != 0x7f);
	if (BodyCollectorId(id, collector, sizeof(collector)))
		Require(strlen(collector) < strlen(id) && strncmp(id, collector, strlen(collector)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t sequences[2] = {1, 2};
	char				 *copy = CopyInput(data, size);
	char				  id[BATCH_ID_SIZE];
	BodyHalf			  halves[2];
	bool				  ours = BodyBatchId(copy, size, id, sizeof(id));

	if (ours)
		CheckId(id);
	if (BodySplit(copy, size, sequences, halves) == BODY_SPLIT)
	{
		for (int i = 0; i < 2; i++)
		{
			/* each is a body of its own */
			if (ours)
			{
				Require(BodyBatchId(halves[i].body, halves[i].size, id, sizeof(id)));
				CheckId(id);
			}
			Require(halves[i].size < size + 256);
			free(halves[i].body);
		}
	}
	free(copy);
	return 0;
}
