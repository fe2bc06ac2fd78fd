//! The model hub and its cache, with a limit on how long a dead hub is waited for.
//!
//! hf-hub 1.0.0 asks for file facts through an HTTP client of its own that has no time limit and cannot
//! be given one, so a hub that swallows packets would hold the start of a server for minutes. The
//! download therefore runs on a thread of its own, which is left behind when it falls silent.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use hf_hub::progress::{DownloadEvent, ProgressEvent, ProgressHandler};
use hf_hub::{HFClient, HFError, HFResult, split_id};

use crate::model::{CONFIG, TOKENIZER, WEIGHTS};
use crate::{ModelError, ModelFiles, ModelSource};

/// How long the hub may be silent: before its first answer, and between two pieces of a file.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// What the downloading thread tells the waiting one.
enum News {
    Alive,
    Done(HFResult<ModelFiles>),
}

/// Turns the progress of one file into signs of life.
///
/// Only bytes count: hf-xet reports ten times a second also while nothing arrives.
struct Pulse {
    news: Sender<News>,
    bytes: AtomicU64,
}

impl ProgressHandler for Pulse {
    fn on_progress(&self, event: &ProgressEvent) {
        let bytes = match event {
            ProgressEvent::Download(DownloadEvent::Progress { files }) => {
                files.iter().map(|file| file.bytes_completed).sum()
            }
            ProgressEvent::Download(DownloadEvent::AggregateProgress { bytes_completed, .. }) => {
                *bytes_completed
            }
            ProgressEvent::Download(DownloadEvent::Start { .. } | DownloadEvent::Complete)
            | ProgressEvent::Upload(_) => return,
        };
        if bytes > self.bytes.fetch_max(bytes, Ordering::Relaxed) {
            // When nobody listens any more the waiting side gave up, and there is no one to tell.
            let _ = self.news.send(News::Alive);
        }
    }
}

/// The files in the hub's cache on this machine; none when one of them is not there. Never uses the network.
pub(crate) fn cached(source: &ModelSource) -> Result<Option<ModelFiles>, ModelError> {
    match download(source, None, true, None) {
        Ok(files) => Ok(Some(files)),
        Err(HFError::LocalEntryNotFound { .. } | HFError::EntryNotFound { .. }) => Ok(None),
        Err(cause) => Err(failed(source, cause)),
    }
}

/// The files from the hub, through its cache; `endpoint` replaces the hub's address.
pub(crate) fn fetch(
    source: &ModelSource,
    endpoint: Option<String>,
    patience: Duration,
) -> Result<ModelFiles, ModelError> {
    tracing::info!(repository = %source.repository, revision = %source.revision, "fetching the model from the hub");
    let (news, inbox) = mpsc::channel();
    let wanted = source.clone();
    std::thread::spawn(move || {
        let files = download(&wanted, endpoint, false, Some(news.clone()));
        let _ = news.send(News::Done(files));
    });
    loop {
        match inbox.recv_timeout(patience) {
            Ok(News::Alive) => {}
            Ok(News::Done(files)) => return files.map_err(|cause| failed(source, cause)),
            Err(RecvTimeoutError::Timeout) => {
                return Err(ModelError::HubSilent {
                    repository: source.repository.clone(),
                    seconds: patience.as_secs(),
                });
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(failed(source, "the download stopped without an answer"));
            }
        }
    }
}

fn download(
    source: &ModelSource,
    endpoint: Option<String>,
    cache_only: bool,
    news: Option<Sender<News>>,
) -> HFResult<ModelFiles> {
    // One more try, not five: a restart or a folder on disk is the better remedy for a hub that is down.
    let mut client = HFClient::builder().retry_max_attempts(1);
    if let Some(endpoint) = endpoint {
        client = client.endpoint(endpoint);
    }
    if let Some(cache) = &source.cache {
        client = client.cache_dir(cache);
    }
    let (owner, name) = split_id(&source.repository);
    let repository = client.build_sync()?.model(owner, name);
    let file = |name: &str| -> HFResult<PathBuf> {
        repository
            .download_file()
            .filename(name)
            .revision(source.revision.as_str())
            .local_files_only(cache_only)
            .maybe_progress(news.clone().map(|news| Pulse { news, bytes: AtomicU64::new(0) }))
            .send()
    };
    // Small files first: a wrong name or a dead hub shows before the weights are begun.
    Ok(ModelFiles { config: file(CONFIG)?, tokenizer: file(TOKENIZER)?, weights: file(WEIGHTS)? })
}

fn failed(source: &ModelSource, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ModelError {
    ModelError::Hub {
        repository: source.repository.clone(),
        revision: source.revision.clone(),
        cause: cause.into(),
    }
}

#[cfg(test)]
mod tests;
