//! What runs leave in SQL: the lines of their steps and of builds, and the results of their suites.

use super::{
    Store,
    database::Value,
    error::Error,
    log::{json, parse},
    run::{leased, number},
};
use crate::model::pipeline::{
    LogChunk, LogLine, LogPlace, RunLease, RunNumber, StepName, SuiteResult,
};

/// The logs of builds are kept for so many of the newest acts.
const BUILD_LOGS: u64 = 20_000;

/// So many lines of them are one row.
const PART: usize = 500;

impl Store {
    /// Adds to the log of a step, with where the log it comes from was read up to, both or none. False when somebody else
    /// works on the run.
    pub async fn add_run_log(
        &self,
        lease: RunLease,
        step: &StepName,
        lines: &[LogLine],
        mark: &str,
    ) -> Result<bool, Error> {
        self.reading("write the log of a step in", async |database| {
            let mut writer = database.write().await?;
            let [run, token] = leased(lease);
            let sql = "select 1 from run where number = $1 and token = $2";
            if writer.rows(sql, &[run, token]).await?.is_empty() {
                return Ok(false);
            }
            let step = Value::Text(step.as_str());
            let sql = "select first, count from run_log where run = $1 and step = $2 \
                       order by first desc limit 1";
            let rows = writer.rows(sql, &[run, step]).await?;
            let first = match rows.first() {
                Some(row) => row.int(0)? + row.int(1)?.max(1),
                None => 0,
            };
            let body = json(&lines)?;
            let sql = "insert into run_log (run, step, first, count, mark, lines) \
                       values ($1, $2, $3, $4, $5, $6)";
            let count = i64::try_from(lines.len()).unwrap_or(i64::MAX);
            let values = [
                run,
                step,
                Value::Int(first),
                Value::Int(count),
                Value::Text(mark),
                Value::Text(&body),
            ];
            writer.run(sql, &values).await?;
            writer.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Keeps what a build said, by the number of its act; what was kept of it before goes.
    pub async fn keep_build_log(&self, operation: u64, lines: &[LogLine]) -> Result<(), Error> {
        self.reading("keep the log of a build in", async |database| {
            let mut writer = database.write().await?;
            let run = number(RunNumber::of_build(operation));
            writer
                .run("delete from run_log where run = $1", &[run])
                .await?;
            let step = RunNumber::build_step();
            let sql = "insert into run_log (run, step, first, count, mark, lines) \
                       values ($1, $2, $3, $4, '', $5)";
            let mut first = 0;
            for part in lines.chunks(PART) {
                let (count, body) = (i64::try_from(part.len()).unwrap_or(0), json(&part)?);
                let values = [
                    run,
                    Value::Text(step.as_str()),
                    Value::Int(first),
                    Value::Int(count),
                    Value::Text(&body),
                ];
                writer.run(sql, &values).await?;
                first += count;
            }
            // Those of very old builds are let go of.
            let sql = "delete from run_log where run >= $1 and run < $2";
            let old = RunNumber::of_build(operation.saturating_sub(BUILD_LOGS));
            let values = [number(RunNumber::of_build(0)), number(old)];
            writer.run(sql, &values).await?;
            writer.commit().await
        })
        .await
    }

    /// Where the log that a step's comes from was read up to; none when nothing was written.
    pub async fn run_log_mark(
        &self,
        run: RunNumber,
        step: &StepName,
    ) -> Result<Option<String>, Error> {
        self.reading("read the log of a step in", async |database| {
            let sql = "select mark from run_log where run = $1 and step = $2 and mark <> '' \
                       order by first desc limit 1";
            let values = [number(run), Value::Text(step.as_str())];
            let rows = database.rows(sql, &values).await?;
            rows.first().map(|row| row.text(0)).transpose()
        })
        .await
    }

    /// The log of a step after a place, a part of it: there may be more after where it ends.
    pub async fn run_log(
        &self,
        run: RunNumber,
        step: &StepName,
        from: LogPlace,
    ) -> Result<LogChunk, Error> {
        self.reading("read the log of a step in", async |database| {
            let at = i64::try_from(from.0).unwrap_or(i64::MAX);
            let sql = "select first, count, lines from run_log where run = $1 and step = $2 \
                       and first + count > $3 order by first limit 20";
            let values = [number(run), Value::Text(step.as_str()), Value::Int(at)];
            let rows = database.rows(sql, &values).await?;
            let mut chunk = LogChunk {
                lines: Vec::new(),
                next: from,
            };
            for row in &rows {
                let (first, count) = (row.int(0)?, row.int(1)?);
                let lines: Vec<LogLine> = parse(&row.text(2)?)?;
                let known = usize::try_from(at - first).unwrap_or(0);
                chunk.lines.extend(lines.into_iter().skip(known));
                chunk.next = LogPlace(u64::try_from(first + count).unwrap_or(0));
            }
            Ok(chunk)
        })
        .await
    }

    /// Records what a suite of tests said in a step of a run; once.
    pub async fn add_suite_result(
        &self,
        suite: &str,
        environment: &str,
        result: &SuiteResult,
    ) -> Result<(), Error> {
        self.reading("record what tests said in", async |database| {
            let sql = "insert into suite_result (run, step, suite, environment, at, body) \
                       values ($1, $2, $3, $4, $5, $6) on conflict (run, step) do update set body = excluded.body";
            let body = json(result)?;
            let values = [
                number(result.run),
                Value::Text(result.step.as_str()),
                Value::Text(suite),
                Value::Text(environment),
                Value::Int(result.at.as_millisecond()),
                Value::Text(&body),
            ];
            database.run(sql, &values).await.map(drop)
        })
        .await
    }

    /// What a suite said last in an environment (in any, when it is empty), newest first.
    pub async fn suite_results(
        &self,
        suite: &str,
        environment: &str,
        newest: u32,
    ) -> Result<Vec<SuiteResult>, Error> {
        self.reading("read what tests said in", async |database| {
            let sql = "select body from suite_result where suite = $1 and (environment = $2 or $2 = '') \
                       order by at desc, run desc limit $3";
            let values = [
                Value::Text(suite),
                Value::Text(environment),
                Value::Int(newest.into()),
            ];
            let rows = database.rows(sql, &values).await?;
            rows.iter().map(|row| parse(&row.text(0)?)).collect()
        })
        .await
    }
}
