/*
 * endpoint.h
 *		Where batches go, and whether what that takes can be used.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "postgres.h"

#include "base/shared.h"
#include "base/url.h"

typedef enum EndpointState
{
	ENDPOINT_NONE, /* no backend_url */
	ENDPOINT_READY,
	ENDPOINT_UNUSABLE /* a person has to do something, see error */
} EndpointState;

typedef struct Endpoint
{
	EndpointState state;
	Url			  url;
	ProblemId	  problem; /* what kind of error: PROBLEM_DELIVERY or PROBLEM_CREDENTIALS */
	char		  error[ERROR_TEXT_SIZE];
} Endpoint;

/* The result of the last EndpointCheck. */
extern const Endpoint *EndpointCurrent(void);

/* Looks at settings and files anew, and sets the HTTP client and the token up for them. */
extern const Endpoint *EndpointCheck(void);

/* False: a file has been replaced, or a certificate has expired, since EndpointCheck. */
extern bool EndpointIsFresh(void);

/* Days until the client certificate expires, -1: there is none. */
extern int EndpointCertificateDays(void);

#endif /* ENDPOINT_H */
