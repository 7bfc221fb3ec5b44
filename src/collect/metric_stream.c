/*
 * metric_stream.c
 *		The metrics that rows go into, one after the other.
 */
#include "postgres.h"

#include "collect/metric_stream.h"

static void
OpenMetric(MetricStream *stream)
{
	if (stream->writer != NULL)
		return;
	stream->writer =
		BatchMetricBegin(stream->batch, stream->type, stream->database, stream->read_at);
	if (stream->fields)
		JsonFields(stream->writer, stream->fields, stream->values);
	stream->has_content = false;
}

void
MetricStreamArrayBegin(MetricStream *stream, const char *key)
{
	OpenMetric(stream);
	stream->rows_start = JsonMarkHere(stream->writer);
	stream->rows_are_open = true;
	stream->is_array = key != NULL;
	if (key)
		JsonArrayBegin(stream->writer, key);
}

JsonWriter *
MetricStreamArrayNext(MetricStream *stream, const char *key)
{
	if (BatchMetricIsLong(stream->batch))
	{
		MetricStreamArrayEnd(stream);
		MetricStreamEnd(stream);
		MetricStreamArrayBegin(stream, key);
	}
	return stream->writer;
}

void
MetricStreamArrayEnd(MetricStream *stream)
{
	if (stream->is_array)
		JsonArrayEnd(stream->writer);
	stream->rows_are_open = false;
	stream->has_content = true;
}

void
MetricStreamKeepRows(MetricStream *stream)
{
	stream->rows_are_open = false;
}

void
MetricStreamEmpty(MetricStream *stream)
{
	OpenMetric(stream);
	stream->has_content = true;
}

void
MetricStreamEnd(MetricStream *stream)
{
	if (stream->writer == NULL)
		return;
	if (stream->has_content)
		BatchMetricEnd(stream->batch);
	else
		BatchMetricAbort(stream->batch);
	stream->writer = NULL;
}

void
MetricStreamTakeBack(MetricStream *stream)
{
	if (stream->rows_are_open)
		JsonRewind(stream->writer, &stream->rows_start);
	stream->rows_are_open = false;
}
