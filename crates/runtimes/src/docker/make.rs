//! What a container is made of.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, DeviceRequest, HostConfig, HostConfigLogConfig, Mount, MountType, PortBinding,
    RestartPolicy, RestartPolicyNameEnum,
};

use super::engine::LABEL;
use crate::Container;

/// NVIDIA's GPUs, as their CDI specification calls them.
pub(super) const CDI_GPUS: &str = "nvidia.com/gpu=";

/// What runs in the container: the server, and what ends it with whoever started it. Docker closes standard input when the
/// app is gone, even if it was killed; without that the server would hold the GPU for ever. The first line that comes in
/// is the token for Hugging Face, or empty: the environment of a container is written down by Docker, and shown to all who
/// may use it.
pub(super) const SCRIPT: &str = r#"
exec 3<&0
IFS= read -r token <&3
if [ -n "$token" ]; then export HF_TOKEN="$token"; fi
unset token
"$@" 3<&- </dev/null &
server=$!
trap 'kill -TERM "$server" 2>/dev/null' TERM INT
{ cat <&3 >/dev/null; kill -TERM "$server"; sleep 5; kill -KILL "$server"; } 2>/dev/null &
exec 3<&-
wait "$server"
status=$?
while kill -0 "$server" 2>/dev/null; do
  wait "$server"
  status=$?
done
exit "$status"
"#;

pub(super) fn body(container: &Container, by_cdi: bool) -> ContainerCreateBody {
    let Container { image, command, set, volume, volume_at, inside, outside, token: _ } = container;
    let inside = format!("{inside}/tcp");
    let binding = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(outside.to_string()) };
    let gpus = if by_cdi {
        DeviceRequest {
            driver: Some("cdi".to_owned()),
            device_ids: Some(vec![format!("{CDI_GPUS}all")]),
            ..DeviceRequest::default()
        }
    } else {
        DeviceRequest {
            driver: Some(String::new()),
            count: Some(-1),
            capabilities: Some(vec![vec!["gpu".to_owned()]]),
            ..DeviceRequest::default()
        }
    };
    let cache = Mount {
        typ: Some(MountType::VOLUME),
        source: Some((*volume).to_owned()),
        target: Some((*volume_at).to_owned()),
        ..Mount::default()
    };
    // Its lines are in our own log; Docker keeps a few for whoever looks with docker logs.
    let bounds =
        HashMap::from([("max-size".to_owned(), "10m".to_owned()), ("max-file".to_owned(), "1".to_owned())]);
    let host = HostConfig {
        port_bindings: Some(HashMap::from([(inside.clone(), Some(vec![binding]))])),
        device_requests: Some(vec![gpus]),
        mounts: Some(vec![cache]),
        // It is started again by us, who can say why.
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        init: Some(true),
        log_config: Some(HostConfigLogConfig { typ: Some("local".to_owned()), config: Some(bounds) }),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(image.clone()),
        entrypoint: Some(["/bin/sh", "-c", SCRIPT, "moshi"].map(str::to_owned).into()),
        cmd: Some(command.clone()),
        env: Some(set.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        exposed_ports: Some(vec![inside]),
        labels: Some(HashMap::from([(LABEL.to_owned(), "moshi".to_owned())])),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::time::Duration;

    use process::{Child, Exit, Source, Spec};
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// The script as a container starts it, with a shell in the place of the server.
    async fn run(server: &str) -> Child {
        let spec = Spec::new("/bin/sh").arguments(["-c", SCRIPT, "moshi", "/bin/sh", "-c", server]);
        Child::start(spec.unset("HF_TOKEN").piped()).await.unwrap()
    }

    /// What the server printed. The shell may say on standard error what became of the rest.
    fn printed(child: &Child) -> Vec<String> {
        let lines = child.tail().into_iter().filter(|line| line.source == Source::Output);
        lines.map(|line| line.text).collect()
    }

    #[tokio::test]
    async fn the_token_comes_in_by_standard_input_and_the_exit_code_goes_out() {
        let child = run("echo token=$HF_TOKEN arguments=$*; exit 3").await;
        let mut input = child.input().unwrap();
        input.write_all(b"hush-1\n").await.unwrap();
        assert_eq!(child.wait().await, Exit::Code(3));
        assert_eq!(printed(&child), ["token=hush-1 arguments="]);

        let child = run("env | grep -c ^HF_TOKEN=").await;
        let mut input = child.input().unwrap();
        input.write_all(b"\n").await.unwrap();
        child.wait().await;
        assert_eq!(printed(&child), ["0"], "no token, no variable");
    }

    #[tokio::test]
    async fn the_server_ends_when_standard_input_does() {
        let child = run("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done").await;
        let (_, mut lines) = child.follow();
        let mut input = child.input().unwrap();
        input.write_all(b"\n").await.unwrap();
        assert_eq!(lines.recv().await.unwrap().text, "up");
        drop(input);
        let exit = tokio::time::timeout(Duration::from_secs(30), child.wait()).await.unwrap();
        assert_eq!((exit, printed(&child).last().unwrap().as_str()), (Exit::Code(7), "bye"));
    }
}
