/*
 * credentials.h
 *		The file of what a registration has given: <state_directory>/credentials.
 *		Pure C.
 *
 * Lines of a name and a value, then certificate and key in PEM: libcurl and
 * OpenSSL find their part in it, so that id, token, certificate and key are one
 * file and replaced together.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CREDENTIALS_FILE "credentials" /* in the state directory */
#define CREDENTIALS_SIZE (64 * 1024)   /* of the file, at most */

#define CREDENTIALS_NAME_SIZE 129
#define CREDENTIALS_ID_SIZE 129
#define CREDENTIALS_TOKEN_SIZE 8192
#define CREDENTIALS_PEM_SIZE (16 * 1024)

/* To be wiped after use: it holds secrets. */
typedef struct Credentials
{
	char system_identifier[32];
	char hostname[256];
	char name[CREDENTIALS_NAME_SIZE]; /* registered under it */
	char collector_id[CREDENTIALS_ID_SIZE];
	/* the id that the backend was told, which it accepts as well */
	char	registered_as[CREDENTIALS_ID_SIZE];
	int64_t issued_at; /* of the token, seconds since 1970 by our clock */
	int64_t expires_at;
	char	token[CREDENTIALS_TOKEN_SIZE];
	char	certificate[CREDENTIALS_PEM_SIZE]; /* "": none */
	char	private_key[CREDENTIALS_PEM_SIZE];
} Credentials;

/* Writes the file's text; returns its length, 0: no room. */
extern size_t CredentialsFormat(const Credentials *credentials, char *text, size_t size);

/* Reads it; names that are not known are skipped.  False: it is no such text. */
extern bool CredentialsParse(const char *text, size_t size, Credentials *credentials);

/* What a collector id may look like, whoever gives it: it goes into headers, paths and JSON. */
extern bool CollectorIdIsValid(const char *id);

/* A token that can stand in a header. */
extern bool TokenIsValid(const char *token);

#endif /* CREDENTIALS_H */
