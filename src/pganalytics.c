/*
 * pganalytics.c
 *		Entry point of the library.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/settings.h"
#include "base/shared.h"
#include "base/worker.h"
#include "log/hook.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	SettingsInit();

	/*
	 * Without shared_preload_libraries there is no shared memory and there are
	 * no workers; the functions still answer.  pg_upgrade must find nobody
	 * connected to the database "postgres", which it drops.
	 */
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	SharedInit();
	LogHookInit();
	WorkersInit();
}
