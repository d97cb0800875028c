//! Statements out of bytes. Tables, columns, indexes and so on have few names, so that statements meet.
//!
//! Nothing here depends on time or chance, and nothing doubles with each statement: what grows is cut by `substr` and
//! `LIMIT`.

use crate::targets::input::Input;

const TABLES: [&str; 4] = ["t0", "t1", "t2", "v0"];
const COLUMNS: [&str; 4] = ["a", "b", "c", "d"];
const CONFLICTS: [&str; 6] = ["", "", "OR IGNORE", "OR REPLACE", "OR ROLLBACK", "OR FAIL"];

pub struct Generator<'i, 'd>(&'i mut Input<'d>);

impl<'i, 'd> Generator<'i, 'd> {
    pub fn new(input: &'i mut Input<'d>) -> Self {
        Self(input)
    }

    pub fn statement(&mut self) -> String {
        match self.0.below(40) {
            0..5 => {
                let table = self.table();
                self.create_table(table)
            }
            5..12 => self.insert(),
            12..15 => self.update(),
            15..17 => self.delete(),
            17..22 => self.select(),
            22..26 => self.transaction(),
            26 => self.create_index(),
            27 => self.create_trigger(),
            28 => self.create_view(),
            29 => self.create_virtual(),
            30..32 => self.of_virtual(),
            32 => self.alter(),
            33 => self.drop_something(),
            34..36 => self.bulk(),
            36 => self.upkeep(),
            37 => self.pragma(),
            38 => format!("EXPLAIN QUERY PLAN {}", self.select()),
            _ => self.of_nonsense(),
        }
    }

    fn table(&mut self) -> &'static str {
        self.0.of(&TABLES)
    }

    fn column(&mut self) -> &'static str {
        self.0.of(&COLUMNS)
    }

    fn maybe(&mut self, text: &'static str) -> &'static str {
        if self.0.one_in(3) { text } else { "" }
    }

    pub fn create_table(&mut self, table: &str) -> String {
        let mut columns = Vec::new();
        for name in COLUMNS {
            let kind = self.0.of(&["", "INT", "INTEGER", "TEXT", "BLOB", "REAL", "ANY", "NUMERIC"]);
            let rule = match self.0.below(14) {
                0 => " UNIQUE".to_owned(),
                1 => " NOT NULL".to_owned(),
                2 => format!(" DEFAULT {}", self.literal()),
                3 => format!(" CHECK ({})", self.expression(1)),
                4 => " COLLATE NOCASE".to_owned(),
                5 => format!(" REFERENCES {}({})", self.table(), self.column()),
                6 => format!(" AS ({}) STORED", self.expression(1)),
                7 => format!(" AS ({}) VIRTUAL", self.expression(1)),
                8 => " REFERENCES t0(a) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED".to_owned(),
                _ => String::new(),
            };
            columns.push(format!("{name} {kind}{rule}"));
        }
        let key = self.0.of(&[
            "",
            ", PRIMARY KEY (a)",
            ", PRIMARY KEY (b, a DESC)",
            ", UNIQUE (c, d)",
            ", PRIMARY KEY (a) ON CONFLICT REPLACE",
        ]);
        let without = if key.contains("PRIMARY") { self.maybe(" WITHOUT ROWID") } else { "" };
        let strict = if without.is_empty() { self.0.of(&["", "", " STRICT"]) } else { "" };
        let temporary = if self.0.one_in(12) { "TEMP " } else { "" };
        format!("CREATE {temporary}TABLE IF NOT EXISTS {table}({}{key}){without}{strict}", columns.join(", "))
    }

    fn literal(&mut self) -> String {
        match self.0.below(12) {
            0 => "NULL".to_owned(),
            1 => i64::from(self.0.byte()).to_string(),
            2 => self.0.u64().cast_signed().to_string().replace("-9223372036854775808", "0"),
            3 => self.0.of(&["0.5", "-1e300", "1e-300", "9e999", "-0.0", "1.0"]).to_owned(),
            4 => self.0.of(&["''", "'a'", "'A'", "'abc'", "'é'", "'🦀'", "'0x1'", "'12abc'"]).to_owned(),
            5 => self.0.of(&["x''", "x'00'", "x'ff00ff'", "x'e9'"]).to_owned(),
            6 => format!("zeroblob({})", self.0.of(&[0, 10, 600, 5_000, 40_000])),
            7 => format!("printf('%.{}c', 'q')", self.0.of(&[1, 30, 500, 4_000, 20_000])),
            8 => self.0.of(&["'{\"a\":[1,2]}'", "'[1,'", "'2024-02-29'", "'%a_'"]).to_owned(),
            _ => self.0.below(20).to_string(),
        }
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 || self.0.one_in(4) {
            return if self.0.one_in(2) { self.column().to_owned() } else { self.literal() };
        }
        let (one, other) = (self.expression(depth - 1), self.expression(depth - 1));
        match self.0.below(16) {
            0..4 => {
                let sign = self.0.of(&["+", "-", "*", "/", "%", "<<", "&", "|", "||", "->", "->>"]);
                format!("({one} {sign} {other})")
            }
            4..7 => {
                let sign = self.0.of(&["<", "<=", "=", "<>", "IS", "IS NOT", "AND", "OR", "LIKE", "GLOB"]);
                format!("({one} {sign} {other})")
            }
            7..10 => {
                let function = self.0.of(&[
                    "abs",
                    "length",
                    "upper",
                    "hex",
                    "typeof",
                    "round",
                    "unicode",
                    "quote",
                    "trim",
                    "sign",
                    "json",
                    "json_type",
                    "date",
                    "sqrt",
                    "octet_length",
                    "json_valid",
                    "jsonb",
                    "char",
                ]);
                format!("{function}({one})")
            }
            10 => {
                let function =
                    self.0.of(&["coalesce", "nullif", "instr", "max", "min", "json_extract", "like", "glob"]);
                format!("{function}({one}, {other})")
            }
            11 => format!("CASE WHEN {one} THEN {other} ELSE {} END", self.literal()),
            12 => format!("CAST({one} AS {})", self.0.of(&["INT", "TEXT", "BLOB", "REAL", "NUMERIC"])),
            13 => format!("({one} IN ({other}, 1, 'a'))"),
            14 => {
                let function = self.0.of(&["max", "count", "sum", "total", "min", "avg"]);
                format!("(SELECT {function}({}) FROM {})", self.column(), self.table())
            }
            _ => format!("({one} BETWEEN {other} AND 9)"),
        }
    }

    fn filter(&mut self) -> String {
        if self.0.one_in(3) { String::new() } else { format!(" WHERE {}", self.expression(2)) }
    }

    fn insert(&mut self) -> String {
        let (or, table) = (self.0.of(&CONFLICTS), self.table());
        let columns = self.0.of(&["a, b, c, d", "a, b", "b, a, c", "a, c", "d"]);
        let count = columns.split(',').count();
        let rows: Vec<String> = (0..=self.0.below(3))
            .map(|_| {
                let values: Vec<String> = (0..count).map(|_| self.literal()).collect();
                format!("({})", values.join(", "))
            })
            .collect();
        let upsert = match self.0.below(8) {
            0 if or.is_empty() => " ON CONFLICT DO NOTHING".to_owned(),
            1 if or.is_empty() => format!(" ON CONFLICT (a) DO UPDATE SET b = {}", self.expression(1)),
            2 => " RETURNING *".to_owned(),
            _ => String::new(),
        };
        format!("INSERT {or} INTO {table}({columns}) VALUES {}{upsert}", rows.join(", "))
    }

    fn update(&mut self) -> String {
        let (or, table, column) = (self.0.of(&CONFLICTS), self.table(), self.column());
        let value = self.expression(2);
        let value = if self.0.one_in(2) { value } else { format!("substr({value}, 1, 3000)") };
        let value = if value.contains("||") { format!("substr({value}, 1, 3000)") } else { value };
        let end = self.maybe(" RETURNING a, b");
        format!("UPDATE {or} {table} SET {column} = {value}{}{end}", self.filter())
    }

    fn delete(&mut self) -> String {
        let end = self.maybe(" RETURNING *");
        format!("DELETE FROM {}{}{end}", self.table(), self.filter())
    }

    fn select(&mut self) -> String {
        let (table, other) = (self.table(), self.0.of(&["t0", "t1", "t2"]));
        let (one, two) = (self.expression(2), self.expression(1));
        match self.0.below(9) {
            0 => format!("SELECT {}*, {one} FROM {table}{}", self.maybe("DISTINCT "), self.filter()),
            1 => format!("SELECT {one}, count(*), sum({two}) FROM {table} GROUP BY {one} ORDER BY 2, 1"),
            2 => format!(
                "SELECT l.a, r.b FROM {table} AS l {} JOIN {other} AS r ON l.a = r.{} ORDER BY 1, 2 LIMIT 50",
                self.0.of(&["", "LEFT", "INNER", "RIGHT", "FULL"]),
                self.column()
            ),
            3 => format!("SELECT a, b FROM {table} ORDER BY {one} DESC NULLS LAST LIMIT {}", self.0.below(9)),
            4 => {
                let set = self.0.of(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]);
                format!("SELECT {one} FROM {table} {set} SELECT {two} FROM {other} ORDER BY 1")
            }
            5 => format!(
                "SELECT a, {}({two}) OVER (PARTITION BY {} ORDER BY {}) FROM {table} ORDER BY 1, 2",
                self.0.of(&["sum", "count", "first_value", "max", "group_concat"]),
                self.column(),
                self.column()
            ),
            6 => format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
                 SELECT i, (SELECT {one} FROM {table} LIMIT 1) FROM n",
                self.0.below(200)
            ),
            7 => format!(
                "SELECT count(*) FROM {table} WHERE EXISTS (SELECT 1 FROM {other} WHERE {two} LIMIT 9)"
            ),
            _ => format!("SELECT key, value FROM {table}, json_each({one}) LIMIT 30"),
        }
    }

    fn transaction(&mut self) -> String {
        let sql = self.0.of(&[
            "BEGIN",
            "BEGIN",
            "BEGIN IMMEDIATE",
            "BEGIN EXCLUSIVE",
            "COMMIT",
            "COMMIT",
            "COMMIT",
            "ROLLBACK",
            "SAVEPOINT s0",
            "SAVEPOINT s1",
            "ROLLBACK TO s0",
            "ROLLBACK TO s1",
            "RELEASE s0",
            "RELEASE s1",
        ]);
        sql.to_owned()
    }

    fn create_index(&mut self) -> String {
        let (unique, name) = (self.maybe("UNIQUE "), self.0.of(&["i0", "i1", "i2"]));
        let (table, one) = (self.table(), self.expression(1));
        let filter = if self.0.one_in(3) { self.filter() } else { String::new() };
        format!("CREATE {unique}INDEX {name} ON {table}({one}, {} DESC){filter}", self.column())
    }

    fn create_trigger(&mut self) -> String {
        let name = self.0.of(&["g0", "g1"]);
        let when = self.0.of(&["BEFORE", "AFTER", "INSTEAD OF"]);
        let what = self.0.of(&["INSERT", "DELETE", "UPDATE", "UPDATE OF a"]);
        let row = if what == "DELETE" { "old" } else { "new" };
        let (table, other) = (self.table(), self.table());
        let body = match self.0.below(4) {
            0 => format!("INSERT INTO {other}(a, b) VALUES ({row}.a, 'trigger')"),
            1 => format!("UPDATE {other} SET c = {row}.b WHERE a = {row}.a"),
            2 => format!("DELETE FROM {other} WHERE b = {row}.a"),
            _ => {
                format!("SELECT RAISE({}, 'no') WHERE {row}.a > 9", self.0.of(&["ABORT", "FAIL", "ROLLBACK"]))
            }
        };
        format!("CREATE TRIGGER {name} {when} {what} ON {table} BEGIN {body}; END")
    }

    fn create_view(&mut self) -> String {
        format!("CREATE VIEW v0(a, b, c, d) AS SELECT a, b, {}, d FROM {}", self.expression(1), self.table())
    }

    fn create_virtual(&mut self) -> String {
        let sql = self.0.of(&[
            "CREATE VIRTUAL TABLE f0 USING fts5(a, b, tokenize = 'porter')",
            "CREATE VIRTUAL TABLE f0 USING fts5(a, b, content = 't0', content_rowid = 'a')",
            "CREATE VIRTUAL TABLE f0 USING fts5(a, b UNINDEXED, prefix = '1 2', detail = column)",
            "CREATE VIRTUAL TABLE r0 USING rtree(id, a, b)",
        ]);
        sql.to_owned()
    }

    fn of_virtual(&mut self) -> String {
        let (number, words) =
            (self.0.below(30), self.0.of(&["ant bee", "bee bees", "cat", "dü 🦀", "a b c d e"]));
        match self.0.below(8) {
            0..3 => format!("INSERT INTO f0(rowid, a, b) VALUES ({number}, '{words}', '{words} {number}')"),
            3 => format!("SELECT rowid, highlight(f0, 0, '<', '>') FROM f0('{}*')", &words[..1]),
            4 => format!("DELETE FROM f0 WHERE rowid < {number}"),
            5 => format!(
                "INSERT INTO f0(f0) VALUES ('{}')",
                self.0.of(&["merge", "delete-all", "integrity-check"])
            ),
            6 => format!("INSERT OR REPLACE INTO r0 VALUES ({number}, {number}, {} + 90)", self.0.below(50)),
            _ => format!("SELECT id, a FROM r0 WHERE a <= {number} ORDER BY id"),
        }
    }

    fn alter(&mut self) -> String {
        let (table, column) = (self.table(), self.column());
        match self.0.below(5) {
            0 => format!("ALTER TABLE {table} ADD COLUMN e DEFAULT {}", self.literal()),
            1 => format!("ALTER TABLE {table} DROP COLUMN {column}"),
            2 => format!("ALTER TABLE {table} RENAME TO {}", self.table()),
            3 => format!("ALTER TABLE {table} RENAME COLUMN {column} TO e"),
            _ => format!("ALTER TABLE {table} RENAME COLUMN e TO {column}"),
        }
    }

    fn drop_something(&mut self) -> String {
        let sql = self.0.of(&[
            "DROP TABLE t0",
            "DROP TABLE t1",
            "DROP TABLE t2",
            "DROP VIEW v0",
            "DROP INDEX i0",
            "DROP INDEX i1",
            "DROP TRIGGER g0",
            "DROP TRIGGER g1",
            "DROP TABLE f0",
            "DROP TABLE r0",
        ]);
        sql.to_owned()
    }

    /// Enough at once to spill out of a small cache.
    fn bulk(&mut self) -> String {
        let (or, table, rows) = (self.0.of(&CONFLICTS), self.table(), self.0.below(150));
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             INSERT {or} INTO {table}(a, b, c) SELECT i * {}, 'bulk ' || i, {} FROM n",
            self.0.below(5),
            self.literal()
        )
    }

    fn upkeep(&mut self) -> String {
        let sql = self.0.of(&[
            "VACUUM",
            "VACUUM",
            "REINDEX",
            "ANALYZE",
            "PRAGMA incremental_vacuum(3)",
            "PRAGMA incremental_vacuum",
            "PRAGMA auto_vacuum = 1",
            "PRAGMA auto_vacuum = 2",
            "PRAGMA auto_vacuum = 0",
            "INSERT INTO f0(f0) VALUES ('optimize')",
            "INSERT INTO f0(f0) VALUES ('rebuild')",
        ]);
        sql.to_owned()
    }

    fn pragma(&mut self) -> String {
        let sql = self.0.of(&[
            "PRAGMA user_version",
            "PRAGMA user_version = 7",
            "PRAGMA application_id = 99",
            "PRAGMA page_count",
            "PRAGMA freelist_count",
            "PRAGMA foreign_key_check",
            "PRAGMA integrity_check",
            "PRAGMA quick_check",
            "PRAGMA schema_version",
            "PRAGMA encoding",
            "PRAGMA table_xinfo(t0)",
            "PRAGMA index_list(t1)",
            "PRAGMA foreign_key_list(t2)",
            "PRAGMA defer_foreign_keys = 1",
            "PRAGMA count_changes",
            "PRAGMA max_page_count",
            "PRAGMA auto_vacuum",
            "PRAGMA page_size",
        ]);
        sql.to_owned()
    }

    /// The fuzzer's own bytes, between two words of SQL.
    fn of_nonsense(&mut self) -> String {
        let count = self.0.below(12) as usize;
        let middle =
            String::from_utf8_lossy(self.0.bytes(count)).replace(['\0', ';', '?', ':', '@', '$', '#'], " ");
        let (start, end) =
            (self.0.of(&["SELECT", "INSERT INTO t0", "WITH"]), self.0.of(&["", "FROM t0", ")"]));
        format!("{start} {middle} {end}")
    }
}
