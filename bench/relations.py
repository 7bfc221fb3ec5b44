"""Tables that look used: rows, scans of each index, vacuumed and analysed."""

FEW = 100       # tables made in one transaction: each holds its locks

MAKE = '''DO $$
BEGIN
    FOR i IN {first} .. {last} LOOP
        EXECUTE format('CREATE TABLE table_number_%s
            (id int PRIMARY KEY, category int, amount bigint, at timestamptz DEFAULT now())', i);
        EXECUTE format('CREATE INDEX ON table_number_%s (category)', i);
        EXECUTE format('INSERT INTO table_number_%s SELECT n, n %% 7, n * 1000
            FROM generate_series(1, %s) n', i, 5 + i % 50);
        IF i % {few} = 0 THEN COMMIT; END IF;
    END LOOP;
END $$'''

USE = '''DO $$
BEGIN
    SET enable_seqscan = off;
    FOR i IN {first} .. {last} LOOP
        EXECUTE format('SELECT FROM table_number_%s WHERE id = 3', i);
        EXECUTE format('UPDATE table_number_%s SET amount = amount + 1 WHERE category = 3', i);
        IF i % {few} = 0 THEN COMMIT; END IF;
    END LOOP;
END $$'''


def make_tables(cluster, count, first=1):
    """Tables "first" to "count" with two indexes each, and a row of statistics for every one."""
    for statement in MAKE, USE:
        cluster.psql(statement.format(first=first, last=count, few=FEW))
    cluster.psql('VACUUM (ANALYZE)')
    cluster.psql('CHECKPOINT')
