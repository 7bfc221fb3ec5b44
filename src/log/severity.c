/*
 * severity.c
 *		The words for severities and for the parts of an entry, as the server
 *		translates them.
 *
 * The table holds the languages that a server of version 15 or later can
 * speak, from its message catalogues.  What the server itself says for the
 * words, in its encoding, comes in addition (LogDialectLearn): sessions may
 * write in another language than the one that reads.  Pure C.
 */
#include "log/dialect.h"

#include <string.h>

static const char *const WordNames[NUM_LOG_WORDS] = {
	[WORD_NONE] = "",
	[WORD_DEBUG] = "DEBUG",
	[WORD_LOG] = "LOG",
	[WORD_INFO] = "INFO",
	[WORD_NOTICE] = "NOTICE",
	[WORD_WARNING] = "WARNING",
	[WORD_ERROR] = "ERROR",
	[WORD_FATAL] = "FATAL",
	[WORD_PANIC] = "PANIC",
	[WORD_DETAIL] = "DETAIL",
	[WORD_HINT] = "HINT",
	[WORD_QUERY] = "QUERY",
	[WORD_CONTEXT] = "CONTEXT",
	[WORD_LOCATION] = "LOCATION",
	[WORD_BACKTRACE] = "BACKTRACE",
	[WORD_STATEMENT] = "STATEMENT",
};

typedef struct Translation
{
	LogWord		word;
	const char *text; /* without the colon */
} Translation;

/* A text that means two things in two languages is listed once. */
static const Translation Translations[] = {
	/* German */
	{WORD_NOTICE, "HINWEIS"},
	{WORD_WARNING, "WARNUNG"},
	{WORD_ERROR, "FEHLER"},
	{WORD_PANIC, "PANIK"},
	{WORD_HINT, "TIPP"},
	{WORD_QUERY, "ANFRAGE"},
	{WORD_CONTEXT, "ZUSAMMENHANG"},
	{WORD_LOCATION, "ORT"},
	{WORD_STATEMENT, "ANWEISUNG"},

	/* Spanish */
	{WORD_DETAIL, "DETALLE"},
	{WORD_QUERY, "CONSULTA"},
	{WORD_CONTEXT, "CONTEXTO"},
	{WORD_LOCATION, "UBICACIÓN"},
	{WORD_STATEMENT, "SENTENCIA"},

	/* French */
	{WORD_WARNING, "ATTENTION"},
	{WORD_ERROR, "ERREUR"},
	{WORD_DETAIL, "DÉTAIL"},
	{WORD_HINT, "ASTUCE "},
	{WORD_QUERY, "REQUÊTE "},
	{WORD_CONTEXT, "CONTEXTE "},
	{WORD_LOCATION, "EMPLACEMENT "},
	{WORD_BACKTRACE, "PILE D'APPEL "},
	{WORD_STATEMENT, "INSTRUCTION "},

	/* Italian */
	{WORD_NOTICE, "NOTIFICA"},
	{WORD_WARNING, "ATTENZIONE"},
	{WORD_ERROR, "ERRORE"},
	{WORD_FATAL, "FATALE"},
	{WORD_PANIC, "PANICO"},
	{WORD_DETAIL, "DETTAGLI"},
	{WORD_HINT, "SUGGERIMENTO"},
	{WORD_CONTEXT, "CONTESTO"},
	{WORD_LOCATION, "POSIZIONE"},
	{WORD_STATEMENT, "ISTRUZIONE"},

	/* Japanese */
	{WORD_DETAIL, "詳細"},
	{WORD_HINT, "ヒント"},
	{WORD_QUERY, "問い合わせ"},
	{WORD_CONTEXT, "文脈"},
	{WORD_LOCATION, "場所"},
	{WORD_BACKTRACE, "バックトレース"},
	{WORD_STATEMENT, "文"},

	/* Georgian (its NOTICE is the same word as WARNING) */
	{WORD_DEBUG, "გამართვა"},
	{WORD_INFO, "ინფორმაცია"},
	{WORD_WARNING, "გაფრთხილება"},
	{WORD_ERROR, "შეცდომა"},
	{WORD_LOG, "ჟურნალი"},
	{WORD_FATAL, "ფატალური"},
	{WORD_PANIC, "პანიკა"},
	{WORD_DETAIL, "დეტალები"},
	{WORD_HINT, "მინიშნება"},
	{WORD_QUERY, "მოთხოვნა"},
	{WORD_CONTEXT, "კონტექსტი"},
	{WORD_LOCATION, "მდებარეობა"},
	{WORD_BACKTRACE, "სტეკი"},
	{WORD_STATEMENT, "ოპერატორი"},

	/* Korean */
	{WORD_DEBUG, "디버그"},
	{WORD_INFO, "정보"},
	{WORD_NOTICE, "알림"},
	{WORD_WARNING, "경고"},
	{WORD_ERROR, "오류"},
	{WORD_LOG, "로그"},
	{WORD_FATAL, "치명적오류"},
	{WORD_PANIC, "손상"},
	{WORD_DETAIL, "상세정보"},
	{WORD_HINT, "힌트"},
	{WORD_QUERY, "쿼리"},
	{WORD_CONTEXT, "내용"},
	{WORD_LOCATION, "위치"},
	{WORD_BACKTRACE, "역추적"},
	{WORD_STATEMENT, "명령 구문"},

	/* Russian */
	{WORD_DEBUG, "ОТЛАДКА"},
	{WORD_INFO, "ИНФОРМАЦИЯ"},
	{WORD_NOTICE, "ЗАМЕЧАНИЕ"},
	{WORD_WARNING, "ПРЕДУПРЕЖДЕНИЕ"},
	{WORD_ERROR, "ОШИБКА"},
	{WORD_LOG, "СООБЩЕНИЕ"},
	{WORD_FATAL, "ВАЖНО"},
	{WORD_PANIC, "ПАНИКА"},
	{WORD_DETAIL, "ПОДРОБНОСТИ"},
	{WORD_HINT, "ПОДСКАЗКА"},
	{WORD_QUERY, "ЗАПРОС"},
	{WORD_CONTEXT, "КОНТЕКСТ"},
	{WORD_LOCATION, "ПОЛОЖЕНИЕ"},
	{WORD_BACKTRACE, "СТЕК"},
	{WORD_STATEMENT, "ОПЕРАТОР"},

	/* Swedish */
	{WORD_NOTICE, "NOTIS"},
	{WORD_WARNING, "VARNING"},
	{WORD_ERROR, "FEL"},
	{WORD_LOG, "LOGG"},
	{WORD_FATAL, "FATALT"},
	{WORD_DETAIL, "DETALJ"},
	{WORD_HINT, "TIPS"},
	{WORD_QUERY, "FRÅGA"},
	{WORD_CONTEXT, "KONTEXT"},
	{WORD_LOCATION, "PLATS"},
	{WORD_STATEMENT, "SATS"},

	/* Ukrainian */
	{WORD_DEBUG, "НАЛАГОДЖЕННЯ"},
	{WORD_INFO, "ІНФОРМАЦІЯ"},
	{WORD_NOTICE, "ПОВІДОМЛЕННЯ"},
	{WORD_WARNING, "ПОПЕРЕДЖЕННЯ"},
	{WORD_ERROR, "ПОМИЛКА"},
	{WORD_LOG, "ЗАПИСУВАННЯ"},
	{WORD_FATAL, "ФАТАЛЬНО"},
	{WORD_PANIC, "ПАНІКА"},
	{WORD_DETAIL, "ВІДОМОСТІ"},
	{WORD_HINT, "УКАЗІВКА"},
	{WORD_QUERY, "ЗАПИТ"},
	{WORD_LOCATION, "РОЗТАШУВАННЯ"},
	{WORD_BACKTRACE, "ВІДСТЕЖУВАТИ"},
	{WORD_STATEMENT, "ІНСТРУКЦІЯ"},

	/* Chinese, simplified */
	{WORD_DEBUG, "调试"},
	{WORD_INFO, "信息"},
	{WORD_NOTICE, "注意"},
	{WORD_WARNING, "警告"},
	{WORD_ERROR, "错误"},
	{WORD_LOG, "日志"},
	{WORD_FATAL, "致命错误"},
	{WORD_PANIC, "比致命错误还过分的错误"},
	{WORD_DETAIL, "详细信息"},
	{WORD_HINT, "提示"},
	{WORD_QUERY, "查询"},
	{WORD_CONTEXT, "上下文"},
	{WORD_LOCATION, "位置"},
	{WORD_STATEMENT, "语句"},

	/* Chinese, traditional */
	{WORD_DEBUG, "除錯"},
	{WORD_INFO, "資訊"},
	{WORD_ERROR, "錯誤"},
	{WORD_LOG, "日誌"},
	{WORD_FATAL, "致命錯誤"},
	{WORD_PANIC, "嚴重錯誤"},
	{WORD_DETAIL, "詳情"},
	{WORD_QUERY, "查詢"},
	{WORD_BACKTRACE, "回溯"},
	{WORD_STATEMENT, "陳述式"},
};

#define NUM_TRANSLATIONS (sizeof(Translations) / sizeof(Translations[0]))
#define NUM_CANDIDATES (2 * (NUM_LOG_WORDS - 1) + (int) NUM_TRANSLATIONS)

const char *
LogWordName(LogWord word)
{
	return WordNames[word];
}

/* The candidates in order: English, the server's language, the others. */
static LogWord
Candidate(const LogDialect *dialect, int i, const char **text)
{
	const int words = NUM_LOG_WORDS - 1;

	if (i < words)
	{
		*text = WordNames[i + 1];
		return (LogWord) (i + 1);
	}
	if (i < 2 * words)
	{
		*text = dialect->translated[i - words + 1];
		return (LogWord) (i - words + 1);
	}
	*text = Translations[i - 2 * words].text;
	return Translations[i - 2 * words].word;
}

void
LogDialectInitWords(LogDialect *dialect)
{
	for (int i = 0; i < NUM_CANDIDATES; i++)
	{
		const char *text;

		Candidate(dialect, i, &text);
		if (text[0] != '\0')
			dialect->begins[(unsigned char) text[0]] = true;
	}
}

void
LogDialectLearn(LogDialect *dialect, LogWord word, const char *translation)
{
	size_t len = strcspn(translation, ":");

	if (word == WORD_NONE || len == 0 || len >= LOG_WORD_SIZE)
		return;
	memcpy(dialect->translated[word], translation, len);
	dialect->translated[word][len] = '\0';
	dialect->begins[(unsigned char) translation[0]] = true;
}

LogWord
LogLevelByName(const LogDialect *dialect, const char *text, size_t len)
{
	for (int i = 0; i < NUM_CANDIDATES; i++)
	{
		const char *name;
		LogWord		word = Candidate(dialect, i, &name);

		if (len > 0 && LogWordIsLevel(word) && strlen(name) == len && memcmp(name, text, len) == 0)
			return word;
	}
	return WORD_NONE;
}

/*
 * Length of the colon and spaces after a word, 0: they are missing.
 * Severities are printed with "%s:  "; the punctuation of the other words is
 * translated with them, and not every translator kept both spaces.
 */
static size_t
ColonLength(LogWord word, const char *data, size_t len)
{
	if (len < 1 || data[0] != ':')
		return 0;
	if (len >= 3 && data[1] == ' ' && data[2] == ' ')
		return 3;
	if (LogWordIsLevel(word))
		return 0;
	return (len >= 2 && data[1] == ' ') ? 2 : 1;
}

LogWord
LogWordAt(const LogDialect *dialect, const char *data, size_t len, size_t *length)
{
	/* most calls end here */
	if (len == 0 || !dialect->begins[(unsigned char) data[0]])
		return WORD_NONE;
	for (int i = 0; i < NUM_CANDIDATES; i++)
	{
		const char *name;
		LogWord		word = Candidate(dialect, i, &name);
		size_t		name_len;
		size_t		colon;

		if (name[0] != data[0])
			continue;
		name_len = strlen(name);
		if (name_len == 0 || name_len > len || memcmp(name, data, name_len) != 0)
			continue;
		colon = ColonLength(word, data + name_len, len - name_len);
		if (colon > 0)
		{
			*length = name_len + colon;
			return word;
		}
	}
	return WORD_NONE;
}

/* Can a word begin after this byte?  Not after a letter, nor inside UTF-8. */
static bool
IsWordBoundary(unsigned char c)
{
	return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			 c == '_' || c >= 0x80);
}

LogWord
LogWordFind(const LogDialect *dialect, const char *line, size_t len, size_t *offset)
{
	const char *end = line + (len < PREFIX_MAX_LENGTH ? len : PREFIX_MAX_LENGTH);
	const char *colon = line;

	while ((colon = memchr(colon, ':', end - colon)) != NULL)
	{
		for (int i = 0; i < NUM_CANDIDATES; i++)
		{
			const char *name;
			LogWord		word = Candidate(dialect, i, &name);
			size_t		name_len = strlen(name);
			size_t		length;

			if (name_len == 0 || name_len > (size_t) (colon - line) ||
				colon[-1] != name[name_len - 1] || memcmp(colon - name_len, name, name_len) != 0)
				continue;
			if (colon - name_len > line && !IsWordBoundary(colon[-(ptrdiff_t) name_len - 1]))
				continue;
			/* without the rest of the prefix, two spaces are all there is to go by */
			length = ColonLength(word, colon, line + len - colon);
			if (length < 3)
				continue;
			*offset = colon + length - line;
			return word;
		}
		colon++;
	}
	return WORD_NONE;
}
