/*
 * delivery.h
 *		The state of delivery, as status and server log tell it.
 */
#ifndef DELIVERY_H
#define DELIVERY_H

#include "postgres.h"

#include "deliver/endpoint.h"
#include "deliver/push.h"

/* What EndpointCheck has found out; retry_ms: until the next check of one that is unusable. */
extern void DeliveryEndpoint(const Endpoint *endpoint, int retry_ms);

/* A warning, while deliveries go on. */
extern void DeliveryWarnOfExpiry(int days);

/* There may be another token than before. */
extern void DeliveryNoteToken(void);

/* A batch has been accepted, and is about to leave the spool. */
extern void DeliverySucceeded(const PushOutcome *outcome);

/* An attempt has failed, but what the sender does next is not affected. */
extern void DeliveryNoteFailure(const PushOutcome *outcome);

/* Deliveries wait for retry_ms. */
extern void DeliveryBackOff(const PushOutcome *outcome, int failures, int retry_ms);

/* A refused batch waits for its next turn (0: it does not), while others go on. */
extern void DeliveryNextAttempt(int retry_ms);

/* Another cause of failure is worth a line in the log again. */
extern void DeliverySettingsChanged(void);

/* Retries are no longer waited for: a reload, pganalytics_flush(). */
extern void DeliveryResetBackoff(void);

/* The number of flushes that have been asked for so far. */
extern uint64 DeliveryFlushesRequested(void);

#endif /* DELIVERY_H */
