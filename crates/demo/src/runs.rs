//! The runs of all users: started, listed, taken up after a restart.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flowmaestro_gateway::{Gateway, Owner, RegisterError};
use indexmap::IndexMap;
use serde_json::json;
use thiserror::Error;
use uuid::Uuid;

use crate::clock::now_ms;
use crate::journal::{JournalError, RunInfo};
use crate::node::RUN;
use crate::nodes::Services;
use crate::run::Run;
use crate::runner;
use crate::tasks::Tasks;
use crate::workflow::Workflow;

/// How many runs of a user are kept; a further one takes the place of the oldest ended one.
pub const MAX_RUNS_PER_USER: usize = 30;

/// How many runs of a user may be under way at once.
pub const MAX_ACTIVE_PER_USER: usize = 5;

/// How many runs may be under way at once.
pub const MAX_ACTIVE: usize = 100;

/// The runs of all users. Cheap to clone.
#[derive(Clone)]
pub struct Runs(Arc<Inner>);

struct Inner {
    workflows: Vec<Workflow>,
    services: Services,
    gateway: Gateway,
    tasks: Tasks,
    /// Where the demo can be reached from itself: `http://127.0.0.1:3001`.
    origin: String,
    /// In the order of their starts.
    runs: Mutex<IndexMap<String, Arc<Run>>>,
}

/// Why a run does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// There is no such workflow.
    #[error("there is no workflow {0:?}")]
    UnknownWorkflow(String),
    /// There is no such document, or it is someone else's.
    #[error("there is no such document")]
    UnknownDocument,
    /// The user has as many runs under way as they may have.
    #[error("{MAX_ACTIVE_PER_USER} of your runs are under way; wait for one to end, or answer it")]
    TooManyOfUser,
    /// There are as many runs under way as there may be.
    #[error("{MAX_ACTIVE} runs are under way; try again later")]
    TooMany,
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The gateway does not take the run.
    #[error("the run cannot be registered: {0}")]
    Register(#[from] RegisterError),
}

impl Runs {
    /// Loads the journaled runs, and takes up those that have not ended.
    ///
    /// # Errors
    ///
    /// When the folder of journals cannot be read. A single journal that is damaged is logged and
    /// left alone.
    pub fn open(
        workflows: Vec<Workflow>,
        services: Services,
        gateway: Gateway,
        tasks: Tasks,
        origin: String,
    ) -> io::Result<Self> {
        let mut loaded = Vec::new();
        for file in services.data.runs().read_dir()? {
            loaded.extend(load(&file?.path(), &gateway));
        }
        loaded.sort_by_key(|run| run.info().started_at);
        let runs = Mutex::default();
        let runs = Self(Arc::new(Inner {
            workflows,
            services,
            gateway,
            tasks,
            origin,
            runs,
        }));
        for run in loaded {
            runs.take_up(Arc::new(run));
        }
        Ok(runs)
    }

    /// The workflows that can be run.
    pub fn workflows(&self) -> &[Workflow] {
        &self.0.workflows
    }

    /// The users' documents.
    pub fn documents(&self) -> &crate::documents::Documents {
        &self.0.services.documents
    }

    /// The user's runs, newest first.
    pub fn list(&self, owner: &str) -> Vec<Arc<Run>> {
        self.lock()
            .values()
            .rev()
            .filter(|run| run.info().owner == owner)
            .cloned()
            .collect()
    }

    /// A run of the user. Another user's is as unknown as one that does not exist.
    pub fn get(&self, owner: &str, execution_id: &str) -> Option<Arc<Run>> {
        self.lock()
            .get(execution_id)
            .filter(|run| run.info().owner == owner)
            .cloned()
    }

    /// Starts a run.
    ///
    /// # Errors
    ///
    /// [`StartError`] says why not.
    pub fn start(
        &self,
        owner: &str,
        workflow_id: &str,
        document_id: Option<&str>,
    ) -> Result<Arc<Run>, StartError> {
        let workflow = self
            .workflow(workflow_id)
            .ok_or_else(|| StartError::UnknownWorkflow(workflow_id.to_owned()))?;
        if document_id.is_some_and(|id| self.documents().get(owner, id).is_none()) {
            return Err(StartError::UnknownDocument);
        }
        let info = RunInfo {
            execution_id: format!("exec_{}", Uuid::new_v4()),
            workflow_id: workflow.id.clone(),
            workflow_name: workflow.name.clone(),
            owner: owner.to_owned(),
            document_id: document_id.map(str::to_owned),
            started_at: now_ms(),
        };
        let run = self.create(info)?;
        self.drive(Arc::clone(&run));
        Ok(run)
    }

    /// Finds the run a place and begins its journal. Under one lock: two requests at once cannot both
    /// take the last place.
    fn create(&self, info: RunInfo) -> Result<Arc<Run>, StartError> {
        let mut runs = self.lock();
        let active: Vec<_> = runs.values().filter(|run| is_active(run)).collect();
        if active.len() >= MAX_ACTIVE {
            return Err(StartError::TooMany);
        }
        if active
            .iter()
            .filter(|run| run.info().owner == info.owner)
            .count()
            >= MAX_ACTIVE_PER_USER
        {
            return Err(StartError::TooManyOfUser);
        }
        self.make_room(&mut runs, &info.owner);
        let id = info.execution_id.clone();
        self.0
            .gateway
            .executions()
            .register(&id, Owner::user(info.owner.as_str()))?;
        let path = self.0.services.data.journal(&id);
        let run = Run::create(path, info, self.0.gateway.clone());
        let run = run.inspect_err(|_| {
            self.0.gateway.executions().remove(&id);
        })?;
        self.set_facts(&run);
        let run = Arc::new(run);
        runs.insert(id, Arc::clone(&run));
        Ok(run)
    }

    /// Removes the user's oldest ended runs until there is a place for one more.
    fn make_room(&self, runs: &mut IndexMap<String, Arc<Run>>, owner: &str) {
        let of_owner = |run: &Run| run.info().owner == owner;
        while runs.values().filter(|run| of_owner(run)).count() >= MAX_RUNS_PER_USER {
            let oldest = runs.values().find(|run| of_owner(run) && !is_active(run));
            let Some(id) = oldest.map(|run| run.info().execution_id.clone()) else {
                return;
            };
            runs.shift_remove(&id);
            self.0.gateway.executions().remove(&id);
            self.remove_files(&id);
        }
    }

    fn remove_files(&self, execution_id: &str) {
        let data = &self.0.services.data;
        let removed = std::fs::remove_file(data.journal(execution_id)).and_then(|()| {
            match std::fs::remove_dir_all(data.reports(execution_id)) {
                // Most runs publish nothing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                result => result,
            }
        });
        if let Err(error) = removed {
            tracing::warn!(execution_id, %error, "the files of a run cannot be removed");
        }
    }

    /// Lists a run from before the restart, and drives it on unless it has ended.
    fn take_up(&self, run: Arc<Run>) {
        let info = run.info();
        self.keep_registered(&run);
        self.lock()
            .insert(info.execution_id.clone(), Arc::clone(&run));
        if is_active(&run) {
            self.set_facts(&run);
            tracing::info!(execution_id = info.execution_id, "a run is taken up");
            self.drive(run);
        }
    }

    fn drive(&self, run: Arc<Run>) {
        let runs = self.clone();
        self.0.tasks.spawn(async move {
            let driven = match runs.workflow(&run.info().workflow_id) {
                Some(workflow) => runner::drive(&run, workflow, &runs.0.services).await,
                None => runner::abandon(&run),
            };
            if let Err(error) = driven {
                tracing::error!(%error, "a run cannot go on; it is taken up at the next start");
            }
            runs.keep_registered(&run);
        });
    }

    /// The gateway forgets an execution some time after its end, unless it is registered again. An
    /// ended run can be looked at, and subscribed to, for as long as it is kept here.
    fn keep_registered(&self, run: &Run) {
        let RunInfo {
            execution_id,
            owner,
            ..
        } = run.info();
        let owner = Owner::user(owner.as_str());
        if let Err(error) = self.0.gateway.executions().register(execution_id, owner) {
            tracing::error!(execution_id, %error, "a run cannot be registered");
        }
    }

    /// What the nodes may read of [`RUN`].
    fn set_facts(&self, run: &Run) {
        let RunInfo {
            execution_id,
            workflow_name,
            ..
        } = run.info();
        let url = format!("{}/api/demo/flaky/{execution_id}", self.0.origin);
        run.set_output(
            RUN,
            json!({
                "executionId": execution_id, "workflowName": workflow_name, "scoreTableUrl": url
            }),
        );
    }

    fn workflow(&self, workflow_id: &str) -> Option<&Workflow> {
        self.0
            .workflows
            .iter()
            .find(|workflow| workflow.id == workflow_id)
    }

    fn lock(&self) -> MutexGuard<'_, IndexMap<String, Arc<Run>>> {
        self.0.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_active(run: &Run) -> bool {
    run.state(|state| state.ended.is_none())
}

fn load(path: &Path, gateway: &Gateway) -> Option<Run> {
    match Run::open(path.to_owned(), gateway.clone()) {
        Ok(run) => Some(run),
        // The process died before the run was acknowledged: nobody knows of it.
        Err(JournalError::Empty(_)) => {
            if let Err(error) = std::fs::remove_file(path) {
                tracing::warn!(?path, %error, "an empty journal cannot be removed");
            }
            None
        }
        Err(error) => {
            tracing::error!(%error, "a run is left out");
            None
        }
    }
}
