/*
 * definitions.h
 *		Definitions of views, functions and what else no column tells, as texts.
 */
#ifndef DEFINITIONS_H
#define DEFINITIONS_H

#include "base/shared.h"
#include "collect/sql.h"

/*
 * Writes definitions after the place and moves it on: see SnapshotSource.
 * *skipped grows by those that could not be read.
 */
extern bool DefinitionsWrite(SqlRun *run, int first_part, SnapshotPlace *place, int32 *skipped);

#endif /* DEFINITIONS_H */
