/*
 * dialect.h
 *		How this server writes its log: the words for severities and for the
 *		parts of an entry, and log_line_prefix.
 *
 * Pure C.
 */
#ifndef LOG_DIALECT_H
#define LOG_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

/* The words that end a prefix. */
typedef enum LogWord
{
	WORD_NONE,
	WORD_DEBUG,
	WORD_LOG,
	WORD_INFO,
	WORD_NOTICE,
	WORD_WARNING,
	WORD_ERROR,
	WORD_FATAL,
	WORD_PANIC,
	WORD_DETAIL, /* from here on: parts of the entry before */
	WORD_HINT,
	WORD_QUERY,
	WORD_CONTEXT,
	WORD_LOCATION,
	WORD_BACKTRACE,
	WORD_STATEMENT
} LogWord;

#define NUM_LOG_WORDS (WORD_STATEMENT + 1)
#define LogWordIsLevel(word) ((word) >= WORD_DEBUG && (word) <= WORD_PANIC)

#define LOG_WORD_SIZE 64

/* One piece of a compiled log_line_prefix. */
typedef struct PrefixItem
{
	char   escape;	  /* 0: a literal */
	bool   ambiguous; /* cannot be told from its neighbour */
	int	   padding;	  /* negative: on the right */
	size_t literal;	  /* offset in literals */
	size_t length;	  /* of the literal */
} PrefixItem;

#define PREFIX_MAX_ITEMS 64
#define PREFIX_MAX_LITERALS 512

typedef struct LogDialect
{
	bool	   prefix_known;	 /* log_line_prefix is understood */
	bool	   prefix_ambiguous; /* neighbours in it cannot be told apart */
	bool	   verbose;			 /* log_error_verbosity = verbose */
	int		   num_items;
	PrefixItem items[PREFIX_MAX_ITEMS];
	char	   literals[PREFIX_MAX_LITERALS];

	bool begins[256]; /* a word can begin with this byte */

	/* as the server itself translates them, "": not translated */
	char translated[NUM_LOG_WORDS][LOG_WORD_SIZE];

	/* for lines that do not begin with this prefix, but one of before or after; in a ring, or NULL */
	const struct LogDialect *other;
} LogDialect;

/* A dialect without translations and with this log_line_prefix. */
extern void LogDialectInit(LogDialect *dialect, const char *log_line_prefix);

/* Part of that: the words of all languages. */
extern void LogDialectInitWords(LogDialect *dialect);

/* The word as the server prints it, with or without colon and spaces after it. */
extern void LogDialectLearn(LogDialect *dialect, LogWord word, const char *translation);

/* English, upper case: the name on the wire and of msgids. */
extern const char *LogWordName(LogWord word);

/* The severity called text in any known language; WORD_NONE: none. */
extern LogWord LogLevelByName(const LogDialect *dialect, const char *text, size_t len);

/*
 * The word at the start of data, if a colon follows as the server writes it.
 * length: of all that comes before the text.
 */
extern LogWord LogWordAt(const LogDialect *dialect, const char *data, size_t len, size_t *length);

/* The first such word anywhere in the line; offset: of the text after it. */
extern LogWord LogWordFind(const LogDialect *dialect, const char *line, size_t len, size_t *offset);

/* Longest prefix, and longest value in it, that is recognised. */
#define PREFIX_MAX_LENGTH 1024

/* Where the values of a line's prefix are, parallel to the items. */
typedef struct PrefixMatch
{
	const LogDialect *dialect;	  /* whose items they are */
	LogWord			  word;		  /* what follows the prefix */
	size_t			  text;		  /* offset of the text after that word */
	int				  num_values; /* fewer than items: stopped at %q */
	struct
	{
		size_t offset;
		size_t length;
	} value[PREFIX_MAX_ITEMS];
} PrefixMatch;

/* Does the line begin with the dialect's prefix and a word after it? */
extern bool LogPrefixMatch(const LogDialect *dialect, const char *line, size_t len,
						   PrefixMatch *match);

#endif /* LOG_DIALECT_H */
