/*
 * certificate.c
 *		Certificates and their keys, checked before libcurl is given them.
 */
#include "postgres.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/settings.h"
#include "deliver/auth.h"

/* A bundle of all authorities of the web is about 220 kB. */
#define AUTHORITIES_MAX_SIZE (4 * 1024 * 1024)
#define CERTIFICATE_MAX_SIZE (256 * 1024)

/* A file in memory; wiped and freed by BufferFree. */
typedef struct Buffer
{
	char  *data;
	size_t capacity;
	BIO	  *bio;
} Buffer;

static bool
BufferRead(Buffer *buffer, const char *what, const char *path, bool private, size_t most,
		   char *error, size_t error_size)
{
	ssize_t size;

	buffer->capacity = most + 1;
	buffer->bio = NULL;
	buffer->data = malloc(buffer->capacity);
	if (buffer->data == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return false;
	}
	size = AuthReadFile(what, path, private, buffer->data, most, error, error_size);
	if (size < 0)
		return false;
	buffer->capacity = size;
	buffer->bio = BIO_new_mem_buf(buffer->data, (int) size);
	if (buffer->bio == NULL)
		snprintf(error, error_size, "out of memory");
	return buffer->bio != NULL;
}

static void
BufferFree(Buffer *buffer)
{
	BIO_free(buffer->bio);
	if (buffer->data)
		SecretWipe(buffer->data, buffer->capacity);
	free(buffer->data);
	memset(buffer, 0, sizeof(*buffer));
	ERR_clear_error();
}

/* A worker has nobody to ask for a passphrase. */
static int
NoPassphrase(char *buffer, int size, int writing, void *arg)
{
	bool *asked = arg;

	*asked = true;
	return -1;
}

/*
 * The first certificate.  One may be encrypted, too, whoever would do that: by
 * itself OpenSSL would ask the terminal, or standard input, and wait.
 */
static X509 *
ParseCertificate(BIO *bio)
{
	bool asked;

	return PEM_read_bio_X509_AUX(bio, NULL, NoPassphrase, &asked);
}

static X509 *
ReadCertificate(const char *what, const char *path, size_t most, char *error, size_t error_size)
{
	Buffer file;
	X509  *certificate = NULL;

	if (BufferRead(&file, what, path, false, most, error, error_size))
	{
		certificate = ParseCertificate(file.bio);
		if (certificate == NULL)
			snprintf(error, error_size, "%s \"%s\" holds no certificate in PEM form", what, path);
	}
	BufferFree(&file);
	return certificate;
}

bool
AuthCheckAuthorities(const char *path, char *error, size_t error_size)
{
	const char *what = "\"pganalytics.tls_ca_file\": CA file";
	X509	   *certificate = ReadCertificate(what, path, AUTHORITIES_MAX_SIZE, error, error_size);
	bool		found = certificate != NULL;

	X509_free(certificate);
	return found;
}

static EVP_PKEY *
ReadKey(const char *path, char *error, size_t error_size)
{
	const char *what = "\"pganalytics.tls_key_file\": private key file";
	Buffer		file;
	EVP_PKEY   *key = NULL;
	bool		asked = false;

	if (BufferRead(&file, what, path, true, SECRET_MAX_SIZE, error, error_size))
	{
		key = PEM_read_bio_PrivateKey(file.bio, NULL, NoPassphrase, &asked);
		if (key == NULL && asked)
			snprintf(error, error_size,
					 "%s \"%s\" is protected by a passphrase: store the key without one", what,
					 path);
		else if (key == NULL)
			snprintf(error, error_size, "%s \"%s\" holds no private key in PEM form", what, path);
	}
	BufferFree(&file);
	return key;
}

/* -1: it does not say, which no certificate of X.509 does. */
static time_t
TimeOf(const ASN1_TIME *asn1)
{
	struct tm tm;

	return asn1 != NULL && ASN1_TIME_to_tm(asn1, &tm) == 1 ? timegm(&tm) : (time_t) -1;
}

static void
FormatDay(char *buffer, size_t size, time_t when)
{
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(buffer, size, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

static bool
CheckValidity(const char *path, X509 *certificate, time_t *not_after, char *error,
			  size_t error_size)
{
	time_t not_before = TimeOf(X509_get0_notBefore(certificate));
	time_t now = time(NULL);
	char   day[64];

	*not_after = TimeOf(X509_get0_notAfter(certificate));
	if (*not_after < now)
	{
		FormatDay(day, sizeof(day), *not_after);
		snprintf(error, error_size,
				 "\"pganalytics.tls_cert_file\": the certificate in \"%s\" expired on %s: renew it",
				 path, day);
		return false;
	}
	if (not_before > now)
	{
		FormatDay(day, sizeof(day), not_before);
		snprintf(error, error_size,
				 "\"pganalytics.tls_cert_file\": the certificate in \"%s\" is not valid before %s: "
				 "check the clock",
				 path, day);
		return false;
	}
	return true;
}

bool
AuthCheckClient(const char *cert_path, const char *key_path, time_t *not_after, char *error,
				size_t error_size)
{
	const char *what = "\"pganalytics.tls_cert_file\": certificate file";
	X509 *certificate = ReadCertificate(what, cert_path, CERTIFICATE_MAX_SIZE, error, error_size);
	EVP_PKEY *key = certificate ? ReadKey(key_path, error, error_size) : NULL;
	bool	  ok = false;

	if (key != NULL && CheckValidity(cert_path, certificate, not_after, error, error_size))
	{
		ok = X509_check_private_key(certificate, key) == 1;
		if (!ok)
			snprintf(error, error_size,
					 "\"pganalytics.tls_key_file\": the key in \"%s\" does not belong to the "
					 "certificate in \"%s\"",
					 key_path, cert_path);
	}
	X509_free(certificate);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok;
}

bool
AuthCheckPair(const char *certificate_pem, const char *key_pem, CertificateLife *life, char *error,
			  size_t error_size)
{
	BIO		 *certificate_bio = BIO_new_mem_buf(certificate_pem, -1);
	BIO		 *key_bio = BIO_new_mem_buf(key_pem, -1);
	X509	 *certificate = NULL;
	EVP_PKEY *key = NULL;
	bool	  asked = false;
	bool	  ok;

	if (certificate_bio)
		certificate = ParseCertificate(certificate_bio);
	if (key_bio)
		key = PEM_read_bio_PrivateKey(key_bio, NULL, NoPassphrase, &asked);
	ok = certificate && key && X509_check_private_key(certificate, key) == 1;
	if (ok)
	{
		life->begins = TimeOf(X509_get0_notBefore(certificate));
		life->ends = TimeOf(X509_get0_notAfter(certificate));
	}
	else
		snprintf(error, error_size, "the certificate from registration and its key are not usable");
	if (ok && life->ends < time(NULL))
	{
		snprintf(error, error_size, "the certificate from registration has expired");
		life->ends = 0;
		ok = false;
	}
	X509_free(certificate);
	EVP_PKEY_free(key);
	BIO_free(certificate_bio);
	BIO_free(key_bio);
	ERR_clear_error();
	return ok;
}

#define UNKNOWN_AUTHORITY "its certificate was issued by an authority that "
#define NOT_IN_FILE UNKNOWN_AUTHORITY "is not in \"pganalytics.tls_ca_file\""
#define NOT_IN_SYSTEM \
	UNKNOWN_AUTHORITY "the operating system does not know: write it into a file, and its name " \
					  "into \"pganalytics.tls_ca_file\""

const char *
AuthVerifyError(long code)
{
	static const struct
	{
		long		code;
		const char *text;
		const char *text_without_file; /* where "tls_ca_file" is empty */
	} errors[] = {
		/* curl compares the names itself, and leaves this code */
		{X509_V_ERR_UNSPECIFIED, "its certificate was issued for another host name"},
		{X509_V_ERR_CERT_HAS_EXPIRED, "its certificate has expired"},
		{X509_V_ERR_CERT_NOT_YET_VALID, "its certificate is not valid yet (are the clocks right?)"},
		{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
		 "its certificate is self-signed and not in \"pganalytics.tls_ca_file\"",
		 "its certificate is self-signed: if it is the right one, set \"pganalytics.tls_ca_file\" "
		 "to a file with it"},
		{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, NOT_IN_FILE, NOT_IN_SYSTEM},
		{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NOT_IN_FILE, NOT_IN_SYSTEM},
		{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, NOT_IN_FILE, NOT_IN_SYSTEM},
		{X509_V_ERR_CERT_REVOKED, "its certificate has been revoked"},
		{X509_V_ERR_INVALID_PURPOSE, "its certificate is not meant for a server"},
		{X509_V_ERR_HOSTNAME_MISMATCH, "its certificate was issued for another host name"},
		{X509_V_ERR_IP_ADDRESS_MISMATCH, "its certificate was issued for another address"},
	};

	for (int i = 0; i < lengthof(errors); i++)
	{
		if (errors[i].code == code)
			return errors[i].text_without_file && !Setting.tls_ca_file[0] ?
				errors[i].text_without_file :
				errors[i].text;
	}
	return X509_verify_cert_error_string(code);
}
