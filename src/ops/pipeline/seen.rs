//! What starts pipelines without a person: the clock, a branch that moved, a tag that points at another image.
//!
//! What was seen last is in the store, and it is written together with the run that it starts: of several workers that
//! see the same, one starts it.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use super::{
    prepare::{LARGEST, is_yaml, known, parameters},
    work::Shop,
};
use crate::model::{
    Schedule, Timestamp,
    jenkins::{Build, BuildResult, JobPath},
    pipeline::{Cause, KeptFile, Pipeline, PipelineSource, Run, RunNumber, Trigger},
    printable,
};

/// Files are read anew so often.
const FILES: Duration = Duration::from_secs(5);

/// It is looked so often whether a repository keeps other pipelines.
const REPOSITORIES: Duration = Duration::from_secs(10);

/// So many builds of a job are looked at.
const BUILDS: u32 = 50;

/// When each trigger was looked at last.
#[derive(Debug, Default)]
pub struct Watch {
    pipelines: Vec<Arc<Pipeline>>,
    read: Option<Timestamp>,
    looked: BTreeMap<String, Timestamp>,
    told: BTreeMap<String, String>,
}

/// Looks at all triggers whose time has come; answers what there is to say. It never waits long: what cannot be reached
/// is told once.
pub async fn watch(
    shop: &Shop<'_>,
    directory: &Path,
    repositories: &[PipelineSource],
    watch: &mut Watch,
    now: Timestamp,
) -> Vec<String> {
    let mut said = Vec::new();
    let since = |at: Option<&Timestamp>| {
        at.map_or(Duration::MAX, |at| {
            Duration::try_from(now.duration_since(*at)).unwrap_or_default()
        })
    };
    for source in repositories {
        let key = format!("files {}", source.key());
        if since(watch.looked.get(&key)) < REPOSITORIES {
            continue;
        }
        watch.looked.insert(key.clone(), now);
        let line = match keep(shop, source).await {
            Ok(None) => String::new(),
            Ok(Some(told)) => {
                watch.read = None;
                said.push(told);
                String::new()
            }
            Err(why) => format!("the pipelines of {}: {}", source.url, printable(&why)),
        };
        let before = watch.told.insert(key, line.clone()).unwrap_or_default();
        if !line.is_empty() && before != line {
            said.push(line);
        }
    }
    if since(watch.read.as_ref()) >= FILES {
        let (pipelines, told) = known(shop.store, directory).await;
        for told in told {
            let line = told.to_string();
            if watch
                .told
                .insert(told.place.to_string(), line.clone())
                .as_ref()
                != Some(&line)
            {
                said.push(line);
            }
        }
        watch.pipelines = pipelines;
        watch.read = Some(now);
    }
    for pipeline in watch.pipelines.clone() {
        for trigger in &pipeline.when {
            let (key, every) = match trigger {
                Trigger::Manual => continue,
                Trigger::Cron { cron } => (
                    format!("cron {} {cron}", pipeline.name),
                    Duration::from_secs(5),
                ),
                Trigger::Push { url, branch, every } => {
                    (format!("push {} {url} {branch}", pipeline.name), *every)
                }
                Trigger::Image { image, every } => {
                    (format!("image {} {image}", pipeline.name), *every)
                }
                Trigger::Jenkins {
                    server, job, every, ..
                } => (format!("jenkins {} {job}@{server}", pipeline.name), *every),
            };
            if since(watch.looked.get(&key)) < every {
                continue;
            }
            watch.looked.insert(key.clone(), now);
            let looked = look(shop, &pipeline, trigger, &key, now).await;
            let line = match looked {
                Ok(Some(number)) => {
                    said.push(format!(
                        "run {number} of {} waits for its turn",
                        pipeline.name
                    ));
                    String::new()
                }
                Ok(None) => String::new(),
                Err(why) => format!("{}: {}", pipeline.name, printable(&why)),
            };
            // The same trouble is told once, until it is over.
            let before = watch.told.insert(key, line.clone()).unwrap_or_default();
            if !line.is_empty() && before != line {
                said.push(line);
            }
        }
    }
    said
}

/// Reads the pipelines of a repository when its branch has moved; what there is to say then.
async fn keep(shop: &Shop<'_>, source: &PipelineSource) -> Result<Option<String>, String> {
    let PipelineSource { url, branch, path } = source;
    let commit = shop.engines.branch_at(url, branch).await?;
    let commit = commit.ok_or_else(|| format!("there is no branch {branch}"))?;
    let kept = shop.store.kept_files().await;
    let kept = kept.map_err(|error| error.to_string())?;
    if kept.get(&source.key()).is_some_and(|(at, _)| *at == commit) {
        return Ok(None);
    }
    let tree = shop.engines.check_out(url, Some(&commit)).await?;
    let files = files(&tree.path(), path)?;
    let mut read = Vec::new();
    for (name, text) in files {
        let place = format!("{url}#{branch}:{name}");
        read.push(KeptFile { place, text });
    }
    let kept = shop.store.keep_files(&source.key(), &commit, &read).await;
    kept.map_err(|error| error.to_string())?;
    Ok(Some(format!(
        "{} pipelines of {} at {}",
        read.len(),
        printable(url),
        commit.get(..8).unwrap_or(&commit)
    )))
}

/// The pipeline files below a path of a tree, each with its path there. What leads out of the tree is no file of it.
fn files(tree: &Path, path: &str) -> Result<Vec<(String, String)>, String> {
    let tree = fs::canonicalize(tree).map_err(|error| error.to_string())?;
    let inside = |path: &Path| fs::canonicalize(path).is_ok_and(|real| real.starts_with(&tree));
    let start = tree.join(path.trim_start_matches('/'));
    if !inside(&start) {
        return Err(format!("there is no {path}"));
    }
    let mut paths = vec![start.clone()];
    if start.is_dir() {
        let entries = fs::read_dir(&start).map_err(|error| error.to_string())?;
        paths = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| is_yaml(path));
        paths.sort();
    }
    let mut files = Vec::new();
    for path in paths {
        let name = path
            .strip_prefix(&tree)
            .unwrap_or(&path)
            .display()
            .to_string();
        let is_small =
            fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST);
        if !inside(&path) || !is_small {
            return Err(format!("{name} is no file of at most {LARGEST} bytes"));
        }
        let text = fs::read(&path).map_err(|error| format!("{name}: {error}"))?;
        files.push((name, String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(files)
}

/// Looks at one; answers the run that it started.
async fn look(
    shop: &Shop<'_>,
    pipeline: &Arc<Pipeline>,
    trigger: &Trigger,
    key: &str,
    now: Timestamp,
) -> Result<Option<RunNumber>, String> {
    let before = shop
        .store
        .seen(key)
        .await
        .map_err(|error| error.to_string())?;
    let (seen, cause) = match trigger {
        Trigger::Manual => return Ok(None),
        Trigger::Cron { cron } => {
            let schedule = Schedule::cron(cron)?;
            let last = before.as_deref().and_then(|text| text.parse().ok());
            let due = last.and_then(|last| schedule.next(last, &TimeZone::system()));
            if due.is_some_and(|due| due > now) {
                return Ok(None);
            }
            (now.to_string(), Some(Cause::Cron))
        }
        Trigger::Push { url, branch, .. } => {
            let commit = shop.engines.branch_at(url, branch).await?;
            let Some(commit) = commit else {
                return Err(format!("{url} has no branch {branch}"));
            };
            let branch = branch.clone();
            (commit.clone(), Some(Cause::Push { branch, commit }))
        }
        Trigger::Image { image, .. } => {
            let digest = shop.digest(image).await?;
            let image = image.clone();
            (digest.clone(), Some(Cause::Image { image, digest }))
        }
        Trigger::Jenkins {
            server,
            job,
            results,
            ..
        } => {
            let open = shop.jenkins.open(server);
            let open = open.map_err(|error| error.to_string())?;
            let path: JobPath = job.parse()?;
            let builds = open.builds(&path, BUILDS).await;
            let builds = builds.map_err(|error| error.to_string())?;
            let (seen, ended) = ends(&builds, before.as_deref(), results);
            let cause = ended.map(|(build, result)| Cause::Jenkins {
                server: server.clone(),
                job: job.clone(),
                build,
                result,
            });
            (seen, cause)
        }
    };
    if before.as_deref() == Some(seen.as_str()) {
        return Ok(None);
    }
    let Some(cause) = cause else {
        let asked = shop
            .store
            .ask_run_once(None, key, before.as_deref(), &seen)
            .await;
        return asked.map_err(|error| error.to_string());
    };
    let mut run = Run::new(Arc::clone(pipeline), cause, shop.by.to_owned(), now);
    let values = parameters(pipeline, &BTreeMap::new());
    run.variables = values.map_err(|refusal| refusal.to_string())?;
    // What was there before anybody looked has started nothing.
    let run = (before.is_some()).then_some(&run);
    let asked = shop
        .store
        .ask_run_once(run, key, before.as_deref(), &seen)
        .await;
    asked.map_err(|error| error.to_string())
}

/// What was seen of the builds of a job, `12 9` when 9 goes on still and 12 is the newest; and the newest of those that
/// ended since `before` as it is wanted.
fn ends(
    builds: &[Build],
    before: Option<&str>,
    results: &[BuildResult],
) -> (String, Option<(u64, BuildResult)>) {
    let newest = builds.iter().map(|build| build.number).max().unwrap_or(0);
    let numbers = before.unwrap_or_default().split(' ');
    let numbers: Vec<u64> = numbers.filter_map(|text| text.parse().ok()).collect();
    // The numbers of a job that was made anew begin anew.
    let last = numbers.first().copied().filter(|last| *last <= newest);
    let is_new = |build: &&Build| match last {
        Some(last) => build.number > last || numbers[1..].contains(&build.number),
        None => true,
    };
    let ended = builds.iter().filter(is_new).filter_map(|build| {
        let result = build.result.filter(|_| !build.building)?;
        results.contains(&result).then_some((build.number, result))
    });
    let ended = ended.max_by_key(|(number, _)| *number);
    let going = builds
        .iter()
        .filter(|build| build.building || build.result.is_none())
        .map(|build| build.number);
    let mut seen = vec![newest.to_string()];
    seen.extend(going.map(|number| number.to_string()));
    (seen.join(" "), ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(number: u64, result: Option<BuildResult>) -> Build {
        Build {
            number,
            result,
            building: result.is_none(),
            started: Timestamp::UNIX_EPOCH,
            milliseconds: 0,
            queued: number,
            causes: Vec::new(),
            users: Vec::new(),
            parameters: BTreeMap::new(),
            artifacts: Vec::new(),
        }
    }

    #[test]
    fn of_builds_those_count_that_ended_since_they_were_looked_at() {
        let good = [BuildResult::Success];
        let (ok, bad) = (Some(BuildResult::Success), Some(BuildResult::Failure));
        let look = |builds: &[Build], before: Option<&str>| {
            let (seen, ended) = ends(builds, before, &good);
            (seen, ended.map(|(number, _)| number))
        };
        assert_eq!(look(&[], None), ("0".to_owned(), None));
        assert_eq!(look(&[build(1, ok)], Some("0")), ("1".to_owned(), Some(1)));
        // One that was overtaken is not forgotten.
        let both = [build(3, bad), build(2, None)];
        assert_eq!(look(&both, Some("1")), ("3 2".to_owned(), None));
        let both = [build(3, bad), build(2, ok)];
        assert_eq!(look(&both, Some("3 2")), ("3".to_owned(), Some(2)));
        assert_eq!(look(&both, Some("3")), ("3".to_owned(), None));
        // A job that was made anew.
        assert_eq!(look(&[build(1, ok)], Some("40")), ("1".to_owned(), Some(1)));
    }
}
