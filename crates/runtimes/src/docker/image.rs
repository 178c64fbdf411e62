//! The image of a container, and its download.

use std::{collections::HashMap, future::ready};

use bollard::{
    Docker,
    errors::Error as Told,
    models::CreateImageInfo,
    query_parameters::{CreateImageOptions, CreateImageOptionsBuilder},
};
use futures_util::{Stream, StreamExt};

use super::DockerError;
use crate::Progress;

/// An image has at most this many layers; Docker itself allows 127.
const LAYERS: usize = 1000;

pub(super) async fn is_here(docker: &Docker, image: &str) -> Result<bool, Told> {
    match docker.inspect_image(image).await {
        Ok(_) => Ok(true),
        Err(Told::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Downloads an image: how much of it is here, until all is.
pub(super) fn pull<'a>(
    docker: &Docker,
    image: &'a str,
) -> impl Stream<Item = Result<Progress, DockerError>> + use<'a> {
    let mut layers = Layers::default();
    docker.create_image(Some(options(image)), None, None).filter_map(move |told| {
        ready(match told {
            Ok(told) => layers.take(&told).map(Ok),
            Err(error) => Some(Err(DockerError::of_pull(&error, image))),
        })
    })
}

/// Without a tag Docker would download all of them.
fn options(image: &str) -> CreateImageOptions {
    let (name, tag) = match (image.split_once('@'), image.rsplit_once(':')) {
        (Some((name, digest)), _) => (name, digest),
        (None, Some((name, tag))) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    };
    CreateImageOptionsBuilder::new().from_image(name).tag(tag).build()
}

/// How much of each layer is here.
#[derive(Debug, Default)]
struct Layers {
    of: HashMap<String, Progress>,
}

impl Layers {
    /// Takes a piece of news. All layers together, if it changes them.
    fn take(&mut self, told: &CreateImageInfo) -> Option<Progress> {
        let (id, status) = (told.id.as_ref()?, told.status.as_deref()?);
        if self.of.len() >= LAYERS && !self.of.contains_key(id) {
            return None;
        }
        let layer = self.of.entry(id.clone()).or_insert(Progress { bytes: 0, of: Some(0) });
        let detail = told.progress_detail.as_ref();
        let bytes = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        match status {
            "Downloading" => {
                *layer = Progress {
                    bytes: bytes(detail?.current)?,
                    of: Some(bytes(detail?.total).unwrap_or_default()),
                };
            }
            // What it says while it unpacks counts the same bytes once more.
            "Download complete" => layer.bytes = layer.of.unwrap_or_default(),
            _ => return None,
        }
        let sum = |part: fn(&Progress) -> u64| self.of.values().map(part).fold(0, u64::saturating_add);
        let (bytes, of) = (sum(|layer| layer.bytes), sum(|layer| layer.of.unwrap_or_default()));
        Some(Progress { bytes, of: (of >= bytes && of > 0).then_some(of) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_asked_for_by_one_tag() {
        for (image, name, tag) in [
            ("mycosoft/moshi-voice:latest", "mycosoft/moshi-voice", "latest"),
            ("moshi", "moshi", "latest"),
            ("localhost:5000/moshi", "localhost:5000/moshi", "latest"),
            ("localhost:5000/moshi:1", "localhost:5000/moshi", "1"),
            ("moshi@sha256:ab", "moshi", "sha256:ab"),
        ] {
            let options = options(image);
            assert_eq!((options.from_image.as_deref(), options.tag.as_deref()), (Some(name), Some(tag)));
        }
    }

    #[test]
    fn the_layers_of_a_download_are_added_up() {
        let mut layers = Layers::default();
        let mut take = |text: &str| layers.take(&serde_json::from_str(text).unwrap());
        assert_eq!(take(r#"{"status":"Pulling from mycosoft/moshi-voice","id":"latest"}"#), None);
        assert_eq!(take(r#"{"status":"Pulling fs layer","progressDetail":{},"id":"a"}"#), None);
        let first = take(r#"{"status":"Downloading","progressDetail":{"current":5,"total":100},"id":"a"}"#);
        assert_eq!(first, Some(Progress { bytes: 5, of: Some(100) }));
        take(r#"{"status":"Downloading","progressDetail":{"current":20,"total":50},"id":"b"}"#);
        let complete = take(r#"{"status":"Download complete","progressDetail":{},"id":"a"}"#);
        assert_eq!(complete, Some(Progress { bytes: 120, of: Some(150) }));
        assert_eq!(
            take(r#"{"status":"Extracting","progressDetail":{"current":1,"total":100},"id":"a"}"#),
            None
        );
        assert_eq!(take(r#"{"status":"Status: Downloaded newer image for moshi:latest"}"#), None);
    }
}
