//! The daemon of Docker, and what is asked of it.

use std::{
    collections::HashMap,
    env,
    pin::{Pin, pin},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    container::LogOutput,
    errors::Error as Told,
    models::{ContainerSummaryStateEnum, SystemInfo},
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptions, ListContainersOptionsBuilder,
        RemoveContainerOptionsBuilder, StopContainerOptionsBuilder, WaitContainerOptions,
    },
};
use futures_util::{Stream, StreamExt};
use process::Exit;
use tokio::{io::AsyncWrite, time::timeout};

use super::{DockerError, image, make};
use crate::{Container, Progress};

/// How long an answer may take, in seconds; a download is many of them.
const LIMIT: u64 = 60;
/// How long a container may take to end when it is asked to, in seconds.
const GRACE: i32 = 5;
/// How long a container whose streams have ended may take to end.
const ENDS: Duration = Duration::from_secs(10);
/// After how many seconds a container that was made and has not begun never will.
const BEGINS: u64 = 600;
/// The label of our containers.
pub(super) const LABEL: &str = "ai.mycosoft.myca-voice";

/// A daemon that answers.
pub(crate) struct Engine {
    docker: Docker,
}

/// What a container prints, and its standard input. The container ends when that is dropped.
pub(crate) struct Attached {
    pub(crate) output: Pin<Box<dyn Stream<Item = Result<LogOutput, Told>> + Send>>,
    pub(crate) input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContainerEnd {
    pub(crate) exit: Exit,
    /// It was killed because it had used up its memory.
    pub(crate) out_of_memory: bool,
}

impl Engine {
    /// The daemon at a socket or pipe; none for the one that `DOCKER_HOST` names, or the system's own.
    pub(crate) async fn connect(socket: Option<&str>) -> Result<Self, DockerError> {
        let named = env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
        let docker = match socket.or(named.as_deref()) {
            Some(host) if is_local(host) => Docker::connect_with_local(host, LIMIT, API_DEFAULT_VERSION),
            Some(_) => return Err(DockerError::Elsewhere),
            None => Docker::connect_with_local_defaults()
                .map(|docker| docker.with_timeout(Duration::from_secs(LIMIT))),
        };
        let told = |told| DockerError::of(&told);
        // Daemons are older than this program, or newer, and speak their own version of the protocol.
        let docker = docker.map_err(told)?.negotiate_version().await.map_err(told)?;
        Ok(Self { docker })
    }

    /// Whether an image is on this computer.
    pub(crate) async fn has(&self, image: &str) -> Result<bool, DockerError> {
        image::is_here(&self.docker, image).await.map_err(|told| DockerError::of(&told))
    }

    /// Downloads an image: how much of it is here, until all is.
    pub(crate) fn pull<'a>(
        &self,
        image: &'a str,
    ) -> impl Stream<Item = Result<Progress, DockerError>> + use<'a> {
        image::pull(&self.docker, image)
    }

    /// Makes a container of an image that is here. It does not run yet. The answer is its id.
    pub(crate) async fn create(&self, container: &Container) -> Result<String, DockerError> {
        let told = |told| DockerError::of(&told);
        self.sweep().await.map_err(told)?;
        let info = self.docker.info().await.map_err(told)?;
        let body = make::body(container, has_cdi_alone(&info));
        let created =
            self.docker.create_container(None::<CreateContainerOptions>, body).await.map_err(told)?;
        Ok(created.id)
    }

    /// Removes our containers that ended, or never began, and whose app did not live to remove them. Those that run have
    /// an app: they end with it.
    async fn sweep(&self) -> Result<(), Told> {
        let filters = HashMap::from([("label", vec![LABEL]), ("status", vec!["created", "exited", "dead"])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        for container in self.docker.list_containers(Some(options)).await? {
            let age =
                now.saturating_sub(container.created.and_then(|at| u64::try_from(at).ok()).unwrap_or(now));
            let left = match container.state {
                Some(ContainerSummaryStateEnum::EXITED | ContainerSummaryStateEnum::DEAD) => true,
                // Another app may be about to start it.
                Some(ContainerSummaryStateEnum::CREATED) => age > BEGINS,
                _ => false,
            };
            if let Some(id) = container.id.filter(|_| left) {
                self.remove(&id).await;
            }
        }
        Ok(())
    }

    /// Takes hold of a container's streams and starts it.
    pub(crate) async fn start(&self, id: &str) -> Result<Attached, DockerError> {
        let told = |told| DockerError::of(&told);
        let options =
            AttachContainerOptionsBuilder::new().stdin(true).stdout(true).stderr(true).stream(true).build();
        let attached = self.docker.attach_container(id, Some(options)).await.map_err(told)?;
        self.docker.start_container(id, None).await.map_err(told)?;
        Ok(Attached { output: attached.output, input: attached.input })
    }

    /// Asks a container to end, and sees to it.
    pub(crate) async fn stop(&self, id: &str) {
        let options = StopContainerOptionsBuilder::new().t(GRACE).build();
        if let Err(error) = self.docker.stop_container(id, Some(options)).await {
            tracing::debug!(%error, "a container is not stopped");
        }
    }

    /// How a container ended whose streams have.
    pub(crate) async fn end(&self, id: &str) -> ContainerEnd {
        // Its streams end a moment before it does.
        let mut wait = pin!(self.docker.wait_container(id, None::<WaitContainerOptions>));
        let _ = timeout(ENDS, wait.next()).await;
        let state = self.docker.inspect_container(id, None).await.ok().and_then(|container| container.state);
        let code = state.as_ref().and_then(|state| state.exit_code).and_then(|code| i32::try_from(code).ok());
        let exit = code.map_or(Exit::Unknown, Exit::of_shell);
        ContainerEnd { exit, out_of_memory: state.and_then(|state| state.oom_killed).unwrap_or_default() }
    }

    /// Removes a container, whatever it does, with the volumes that have no name.
    pub(crate) async fn remove(&self, id: &str) {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        if let Err(error) = self.docker.remove_container(id, Some(options)).await {
            tracing::warn!(%error, "a container is not removed");
        }
    }
}

/// Whether the address of a daemon is one of this computer.
fn is_local(host: &str) -> bool {
    let scheme = if cfg!(windows) { "npipe://" } else { "unix://" };
    host.starts_with(scheme) || !host.contains("://")
}

/// Whether NVIDIA's GPUs are known to Docker by their CDI specification and not by the NVIDIA runtime. Then they are asked
/// for in another way. Where neither is told of, the usual way is tried: it may work all the same.
fn has_cdi_alone(info: &SystemInfo) -> bool {
    let runtime = info.runtimes.as_ref().is_some_and(|runtimes| runtimes.contains_key("nvidia"));
    let devices = info.discovered_devices.iter().flatten().filter_map(|device| device.id.as_deref());
    !runtime && devices.into_iter().any(|id| id.starts_with(make::CDI_GPUS))
}
