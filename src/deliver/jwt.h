/*
 * jwt.h
 *		Tokens that the collector signs itself (HS256).  Pure C.
 */
#ifndef JWT_H
#define JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JWT_SIZE 8192
#define JWT_ID_SIZE 33 /* 128 bits in hexadecimal digits */
#define JWT_MAC_SIZE 32

/* Clocks differ: a token is valid from so many seconds before it was made. */
#define JWT_NOT_BEFORE_S 30

typedef struct JwtClaims
{
	const char *collector_id;
	const char *hostname;
	int64_t		issued_at; /* seconds since 1970 */
	int			lifetime_s;
	const char *token_id; /* jti */
} JwtClaims;

/* HMAC-SHA256 of the data; false: could not be computed. */
typedef bool (*JwtMac)(const void *key, size_t key_size, const char *data, size_t size,
					   unsigned char mac[JWT_MAC_SIZE]);

/* Writes the token into the buffer; false: no room, or mac failed. */
extern bool JwtMake(char *token, size_t size, const JwtClaims *claims, JwtMac mac, const void *key,
					size_t key_size);

/* Unpadded base64url with a NUL at the end; returns its length, 0: no room. */
extern size_t Base64Url(char *buffer, size_t size, const unsigned char *data, size_t length);

#endif /* JWT_H */
