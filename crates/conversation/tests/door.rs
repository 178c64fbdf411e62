//! A host that has to be found first: behind a tunnel, or one of several.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod servers;
mod world;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use conversation::{Behind, Command, Door, Finding, Found, Host, NoWay, Phase, Problem, Way};
use futures_util::FutureExt;
use servers::{Server, Style};
use tokio::sync::Notify;
use world::{World, world};

/// What a door does when it is asked the next time.
enum Next {
    /// Leads to this address.
    To(String),
    /// Leads nowhere.
    Nowhere(NoWay),
    /// Never comes to an end.
    Looking,
}

#[derive(Clone)]
struct Script {
    next: Arc<Mutex<Vec<Next>>>,
    /// Told when something that was kept, or a search, is dropped.
    dropped: Arc<Notify>,
}

struct TellsWhenDropped(Arc<Notify>);

impl Drop for TellsWhenDropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Door for Script {
    fn find(&self) -> Finding {
        let next = self.next.lock().unwrap().pop();
        let tells = TellsWhenDropped(Arc::clone(&self.dropped));
        Box::pin(async move {
            match next.expect("it is not asked so often") {
                Next::To(address) => {
                    let host = Host::new(&address, "", "", Duration::from_secs(30)).unwrap();
                    Ok(Found { host, keeps: Some(Box::new(tells)) })
                }
                Next::Nowhere(no_way) => Err(no_way),
                Next::Looking => {
                    std::future::pending::<()>().await;
                    drop(tells);
                    unreachable!()
                }
            }
        })
    }
}

/// Talks through a door that does this, in this order.
async fn talk(w: &World, next: impl IntoIterator<Item = Next>) -> Arc<Notify> {
    let mut next: Vec<Next> = next.into_iter().collect();
    next.reverse();
    let script = Script { next: Arc::new(Mutex::new(next)), dropped: Arc::default() };
    let dropped = Arc::clone(&script.dropped);
    let way = Way::Behind(Behind(Arc::new(script)));
    let host = Host { way, shown: "somewhere".into(), handshake_limit: Duration::from_secs(30) };
    w.handle.send(Command::Talk(Ok(host))).await;
    dropped
}

fn nowhere(may_pass: bool) -> Next {
    let problem = Problem::new("tunnel.gone", "There is no way.", "Dig one.", &[]);
    Next::Nowhere(NoWay { problem, may_pass })
}

#[tokio::test]
async fn a_door_leads_to_a_host_and_is_kept_for_as_long_as_the_call_lasts() {
    let server = Server::start(Style::Python).await;
    let mut w = world(None);
    let dropped = talk(&w, [Next::To(server.address())]).await;
    w.phase(Phase::Live).await;
    w.sound().await;
    let shown = &w.call.as_ref().unwrap().host;
    assert_eq!(*shown, server.socket_address().to_string(), "the host that was found is shown");
    assert_eq!(dropped.notified().now_or_never(), None, "what the way needs is still there");
    w.handle.send(Command::Stop).await;
    w.phase(Phase::Idle).await;
    dropped.notified().await;
    w.end().await;
}

#[tokio::test]
async fn after_a_loss_the_door_is_asked_again_and_may_lead_elsewhere() {
    let (one, other) = (Server::start(Style::Python).await, Server::start(Style::MoshiServer).await);
    let mut w = world(None);
    let next = [Next::To(one.address()), nowhere(true), Next::To(other.address())];
    let dropped = talk(&w, next).await;
    w.phase(Phase::Live).await;
    one.kill_connections().await;
    w.phase(Phase::Reconnecting).await;
    dropped.notified().await;
    w.phase(Phase::Live).await;
    assert_eq!(w.call.as_ref().unwrap().host, other.socket_address().to_string());
    w.end().await;
}

#[tokio::test]
async fn where_no_way_can_be_found_that_is_why_the_call_fails() {
    let server = Server::start(Style::Python).await;
    let mut w = world(None);
    talk(&w, [nowhere(true)]).await;
    w.phase(Phase::Failed).await;
    assert_eq!(w.call.as_ref().unwrap().problem.as_ref().unwrap().code, "tunnel.gone");
    talk(&w, [Next::To(server.address()), nowhere(false)]).await;
    w.phase(Phase::Live).await;
    server.kill_connections().await;
    w.phase(Phase::Failed).await;
    assert_eq!(
        w.call.as_ref().unwrap().problem.as_ref().unwrap().code,
        "tunnel.gone",
        "looking again cannot help"
    );
    w.end().await;
}

#[tokio::test]
async fn stop_ends_a_search() {
    let mut w = world(None);
    let dropped = talk(&w, [Next::Looking]).await;
    w.phase(Phase::Connecting).await;
    w.handle.send(Command::Stop).await;
    w.phase(Phase::Idle).await;
    dropped.notified().await;
    w.end().await;
}
