/*
 * auth.c
 *		Secrets and the files they are in; with certificate.c the only user of
 *		OpenSSL.
 *
 * Files are opened as PostgreSQL opens ssl_key_file: symbolic links are
 * followed (that is how secrets get mounted), and permissions are those of the
 * file that was opened, not of its name a moment before.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "deliver/auth.h"

FileIdentity
FileIdentify(const char *path)
{
	FileIdentity identity;
	struct stat	 st;

	memset(&identity, 0, sizeof(identity));
	if (path[0] == '\0' || stat(path, &st) != 0)
		return identity;
	identity.exists = true;
	identity.device = st.st_dev;
	identity.inode = st.st_ino;
	identity.size = st.st_size;
	identity.modified = st.st_mtim;
	identity.changed = st.st_ctim;
	return identity;
}

static bool
SameTime(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool
FileIsSame(const FileIdentity *a, const FileIdentity *b)
{
	return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
		a->size == b->size && SameTime(a->modified, b->modified) &&
		SameTime(a->changed, b->changed);
}

void
SecretWipe(void *data, size_t size)
{
	OPENSSL_cleanse(data, size);
}

/* The rules of ssl_key_file: ours and 0600, or root's and at most 0640. */
static bool
CheckPrivate(const char *what, const char *path, const struct stat *st, char *error,
			 size_t error_size)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		snprintf(error, error_size,
				 "%s \"%s\" must be owned by the user that PostgreSQL runs as, or by root", what,
				 path);
	else if (st->st_uid == geteuid() && (st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		snprintf(error, error_size, "%s \"%s\" has group or world access: chmod 0600 it", what,
				 path);
	else if (st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0)
		snprintf(error, error_size,
				 "%s \"%s\" has world access or is writable by its group: chmod 0640 it", what,
				 path);
	else
		return true;
	return false;
}

ssize_t
AuthReadFile(const char *what, const char *path, bool private, char *buffer, size_t most,
			 char *error, size_t error_size)
{
	struct stat st;
	ssize_t		size = 0;
	ssize_t		got;
	int			fd;

	/* not to be stuck on a FIFO */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
	{
		snprintf(error, error_size, "%s \"%s\" cannot be read: %s", what, path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
	{
		snprintf(error, error_size, "%s \"%s\" is not a regular file", what, path);
		close(fd);
		return -1;
	}
	if (private && !CheckPrivate(what, path, &st, error, error_size))
	{
		close(fd);
		return -1;
	}

	/* one byte more tells whether it is too long */
	while (size <= (ssize_t) most && (got = read(fd, buffer + size, most + 1 - size)) != 0)
	{
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
		{
			snprintf(error, error_size, "%s \"%s\" cannot be read: %s", what, path,
					 strerror(errno));
			close(fd);
			return -1;
		}
		size += got;
	}
	close(fd);
	if (size > (ssize_t) most)
	{
		snprintf(error, error_size, "%s \"%s\" is larger than %zu kB", what, path, most / 1024);
		return -1;
	}
	return size;
}

bool
SecretRead(const char *setting, const char *path, size_t least, Secret *secret, char *error,
		   size_t error_size)
{
	char	what[128];
	ssize_t size;

	snprintf(what, sizeof(what), "\"%s\": secret file", setting);
	size =
		AuthReadFile(what, path, true, (char *) secret->data, SECRET_MAX_SIZE, error, error_size);
	if (size > 0 && secret->data[size - 1] == '\n')
		size--;
	if (size >= (ssize_t) least)
	{
		secret->size = size;
		return true;
	}
	if (size >= 0)
		snprintf(error, error_size, "%s \"%s\" holds %d bytes, at least %d are needed", what, path,
				 (int) size, (int) least);
	SecretWipe(secret, sizeof(*secret));
	return false;
}

bool
AuthHmac(const void *key, size_t key_size, const char *data, size_t size, unsigned char mac[32])
{
	unsigned int length = 0;
	bool		 ok;

	ok = HMAC(EVP_sha256(), key, (int) key_size, (const unsigned char *) data, size, mac,
			  &length) != NULL &&
		length == 32;
	ERR_clear_error();
	return ok;
}

bool
AuthRandomId(char id[33])
{
	unsigned char bits[16];

	if (RAND_bytes(bits, sizeof(bits)) != 1)
	{
		ERR_clear_error();
		return false;
	}
	for (int i = 0; i < 16; i++)
		snprintf(id + 2 * i, 3, "%02x", bits[i]);
	return true;
}

void
AuthSetUpTls(void *ssl_context)
{
	/*
	 * Or OpenSSL reads on, within one call, as long as session tickets come: a
	 * peer that sends nothing else would keep us from signals and time-outs.
	 */
	SSL_CTX_clear_mode((SSL_CTX *) ssl_context, SSL_MODE_AUTO_RETRY);
}

const char *
AuthTlsVersion(void *ssl)
{
	return SSL_get_version((SSL *) ssl);
}

bool
AuthHasPending(void *ssl)
{
	return SSL_has_pending((SSL *) ssl) == 1;
}
