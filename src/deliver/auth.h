/*
 * auth.h
 *		Secrets, keys and certificates.
 *
 * Results come with an error text (a sentence for a person: what is wrong,
 * what to do); nothing here raises an error or logs.  No function is needed,
 * and none is called, where the backend is not reached by TLS and no secret
 * file is set.
 */
#ifndef AUTH_H
#define AUTH_H

#include "postgres.h"

#include <sys/types.h>
#include <time.h>

#define SECRET_MIN_SIZE 32
#define SECRET_MAX_SIZE (64 * 1024)

/* Tells whether a file has been replaced or written to. */
typedef struct FileIdentity
{
	bool			exists;
	dev_t			device;
	ino_t			inode;
	off_t			size;
	struct timespec modified;
	struct timespec changed; /* also owner and mode */
} FileIdentity;

/* Of the file of that name; path "" is a file that does not exist. */
extern FileIdentity FileIdentify(const char *path);
extern bool			FileIsSame(const FileIdentity *a, const FileIdentity *b);

/*
 * Reads a file of at most "most" bytes into a buffer that has room for one
 * more.  -1: it could not be read, or (where "private" is asked for) others
 * could.
 */
extern ssize_t AuthReadFile(const char *what, const char *path, bool private, char *buffer,
							size_t most, char *error, size_t error_size);

/* A secret in memory; to be wiped by SecretWipe as soon as it has been used. */
typedef struct Secret
{
	unsigned char data[SECRET_MAX_SIZE + 2];
	size_t		  size;
} Secret;

/* Reads a secret of at least that many bytes; "setting" is named in the error. */
extern bool SecretRead(const char *setting, const char *path, size_t least, Secret *secret,
					   char *error, size_t error_size);
extern void SecretWipe(void *data, size_t size);

/* HMAC-SHA256, see JwtMac. */
extern bool AuthHmac(const void *key, size_t key_size, const char *data, size_t size,
					 unsigned char mac[32]);

/* 128 random bits as 32 hexadecimal digits. */
extern bool AuthRandomId(char id[33]);

/* Is the file readable and does it hold at least one certificate? */
extern bool AuthCheckAuthorities(const char *path, char *error, size_t error_size);

/*
 * Can certificate and key be used now, and do they belong together?
 * *not_after is the end of the certificate's validity.
 */
extern bool AuthCheckClient(const char *cert_path, const char *key_path, time_t *not_after,
							char *error, size_t error_size);

typedef struct CertificateLife
{
	time_t begins;
	time_t ends; /* 0: there is no certificate */
} CertificateLife;

/* The same of a certificate and a key in memory, as a registration gives them. */
extern bool AuthCheckPair(const char *certificate, const char *key, CertificateLife *life,
						  char *error, size_t error_size);

/* Why a peer's certificate was refused, for a code of X509_V_ERR_*. */
extern const char *AuthVerifyError(long code);

/* What libcurl leaves undone with an SSL_CTX * of its own. */
extern void AuthSetUpTls(void *ssl_context);

/* "TLSv1.3" of an SSL *, a constant. */
extern const char *AuthTlsVersion(void *ssl);

/* Has OpenSSL read more by an SSL * than was asked for so far? */
extern bool AuthHasPending(void *ssl);

#endif /* AUTH_H */
