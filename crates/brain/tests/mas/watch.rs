//! Looking at a MAS for as long as it is wanted.

use std::time::Duration;

use brain::{
    AgentState, MemoryUse, What,
    mas::{Limits, Mas, MasAddress, News, Pace, Watch},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    client, limits,
    stand_in::{PATIENCE, Piece, Reply, StandIn},
};

const EVENTS: &str = "/events/stream";
const ACTIVITY: &str = "/agents/activity";
const STATUS: &str = "/api/myca/status";
const MEMORY: &str = "/api/memory/health";
const AGENTS: &str = "/ws/agents/status";
const UPDATES: &str = "/ws/memory/updates";
/// Shorter than anything that a test waits for.
const OFTEN: Duration = Duration::from_millis(5);
/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3_600);

/// Looks whether MAS is there, and once at everything else.
fn pace() -> Pace {
    Pace {
        there: OFTEN,
        gone: OFTEN,
        consciousness: NEVER,
        quiet_consciousness: NEVER,
        memory: NEVER,
        events: OFTEN,
        quiet_events: NEVER,
        activity: NEVER,
        pushed_activity: NEVER,
        lively: Duration::ZERO,
        missing: NEVER,
        ping: NEVER,
        gather: OFTEN,
    }
}

async fn next(watch: &mut Watch) -> News {
    timeout(PATIENCE, watch.next()).await.expect("there is news in time").unwrap()
}

/// The next news that this makes something of.
async fn find<T>(watch: &mut Watch, mut find: impl FnMut(News) -> Option<T>) -> T {
    loop {
        if let Some(found) = find(next(watch).await) {
            return found;
        }
    }
}

async fn reached(watch: &mut Watch) -> Duration {
    find(watch, |news| if let News::Reached { after } = news { Some(after) } else { None }).await
}

async fn lost(watch: &mut Watch) -> &'static str {
    find(watch, |news| if let News::Lost { why, .. } = news { Some(why.code) } else { None }).await
}

async fn happened(watch: &mut Watch) -> Vec<What> {
    find(watch, |news| if let News::Happened(told) = news { Some(told) } else { None }).await
}

fn agent(name: &str, status: &str) -> Piece {
    let data = json!({ "agent_id": name, "status": status, "details": {} });
    let message =
        json!({ "type": "agent_status", "timestamp": "t", "source": "s", "data": data, "channel": "c" });
    Piece::text(&message.to_string())
}

fn events(ids: &[u64]) -> Reply {
    let entry = |id: &u64| json!({ "id": id, "type": "tool_result", "message": "m", "timestamp": 1.5 });
    let events: Vec<Value> = ids.iter().map(entry).collect();
    Reply::json(200, &json!({ "events": events, "count": events.len(), "timestamp": 2.5 }))
}

#[tokio::test]
async fn a_mas_is_there_by_the_first_path_that_it_has() {
    for (has, asked) in [
        ("/live", &["/live"][..]),
        ("/health", &["/live", "/health"]),
        ("/voice/brain/status", &["/live", "/health", "/voice/brain/status"]),
    ] {
        let server = StandIn::start().await;
        server.reply(has, Reply::json(200, &json!({ "status": "healthy" })));
        let mut watch = Watch::at_pace(client(&server, limits()), pace());
        let after = reached(&mut watch).await;
        assert!(after > Duration::ZERO && after < PATIENCE);
        assert!(server.asked().starts_with(&asked.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>()));
        for _ in 0..5 {
            reached(&mut watch).await;
        }
        for path in asked.iter().filter(|path| **path != has) {
            assert_eq!(server.times(path), 1, "{path}: what is missing is not asked again");
        }
    }
}

#[tokio::test]
async fn too_many_requests_are_an_answer_and_no_more_are_made() {
    let server = StandIn::start().await;
    server.reply("/live", Reply::limited(Some("3600")));
    for path in [EVENTS, ACTIVITY, STATUS, MEMORY] {
        server.reply(path, Reply::limited(Some("3600")));
    }
    let mut watch = Watch::at_pace(client(&server, limits()), Pace { quiet_events: OFTEN, ..pace() });
    for _ in 0..50 {
        reached(&mut watch).await;
    }
    let others =
        server.asked().iter().filter(|path| !path.starts_with("/live") && !path.starts_with("/ws")).count();
    assert!((1..=4).contains(&others), "each may have asked once before it knew: {:?}", server.asked());
}

#[tokio::test]
async fn a_mas_that_goes_is_told_once_and_asked_for_nothing_until_it_is_back() {
    let server = StandIn::start().await;
    let port = server.socket_address().port();
    server.reply("/live", Reply::json(200, &json!({})));
    let mut watch = Watch::at_pace(client(&server, limits()), pace());
    reached(&mut watch).await;
    drop(server);
    assert_eq!(lost(&mut watch).await, "mas.refused");
    // Another build comes up in its place.
    let server = StandIn::start_at(port).await;
    server.reply("/health", Reply::json(200, &json!({})));
    server.reply(STATUS, Reply::json(200, &json!({ "state": "awakening" })));
    let news = find(&mut watch, |news| match news {
        News::Consciousness(Some(it)) => Some(it),
        News::Lost { why, .. } => panic!("once: {why:?}"),
        _ => None,
    });
    assert_eq!(news.await.state.as_deref(), Some("awakening"), "what was missing is asked again");
}

#[tokio::test]
async fn a_mas_that_is_not_well_or_none_is_told() {
    let server = StandIn::start().await;
    server.reply("/live", Reply::json(503, &json!({ "detail": "starting" })));
    server.reply("/live", Reply::json(401, &json!({})));
    let mut watch = Watch::at_pace(client(&server, limits()), pace());
    assert_eq!(lost(&mut watch).await, "mas.unwell");
    assert_eq!(lost(&mut watch).await, "mas.unauthorised");
    server.forget("/live");
    assert_eq!(lost(&mut watch).await, "mas.unsupported");
    assert!(
        server
            .asked()
            .iter()
            .all(|path| ["/live", "/health", "/voice/brain/status"].contains(&path.as_str()))
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_lost() {
    let server = StandIn::start().await;
    server.reply("/live", Reply::events(vec![Piece::Hold]));
    let limits = Limits { request: Duration::from_millis(200), ..limits() };
    server.reply("/live", Reply::raw(b""));
    let mas = Mas::new(MasAddress::parse(&server.address()).unwrap(), None, limits);
    let mut watch = Watch::at_pace(mas, pace());
    reached(&mut watch).await;
    assert_eq!(lost(&mut watch).await, "mas.unreachable");
}

#[tokio::test]
async fn its_state_is_told_when_it_changes() {
    let server = StandIn::start().await;
    server.reply("/live", Reply::json(200, &json!({})));
    for state in ["dormant", "dormant", "conscious"] {
        server.reply(STATUS, Reply::json(200, &json!({ "state": state })));
    }
    let memory = json!({ "status": "degraded", "redis": "disconnected", "scopes": [], "audit_entries": 3 });
    server.reply(MEMORY, Reply::json(200, &memory));
    let mut watch = Watch::at_pace(client(&server, limits()), Pace { quiet_consciousness: OFTEN, ..pace() });
    let (mut states, mut health) = (Vec::new(), None);
    while states.len() < 2 || health.is_none() {
        match next(&mut watch).await {
            News::Consciousness(state) => states.push(state.unwrap().state.unwrap()),
            News::MemoryHealth(told) => health = Some(told.unwrap()),
            _ => {}
        }
    }
    assert_eq!(states, ["dormant", "conscious"]);
    let (health, after) = health.unwrap();
    assert_eq!((health.status.as_deref(), health.redis.as_deref()), (Some("degraded"), Some("disconnected")));
    assert_eq!(health.audit_entries, Some(3));
    assert!(after > Duration::ZERO);
}

#[tokio::test]
async fn what_an_older_build_does_not_have_is_told_as_none_and_not_asked_again() {
    let server = StandIn::start().await;
    server.reply("/live", Reply::json(200, &json!({})));
    let mut watch = Watch::at_pace(client(&server, limits()), pace());
    let mut told = (false, false);
    while told != (true, true) {
        match next(&mut watch).await {
            News::Consciousness(None) => told.0 = true,
            News::MemoryHealth(None) => told.1 = true,
            News::Reached { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    for _ in 0..50 {
        reached(&mut watch).await;
    }
    for path in [STATUS, MEMORY, EVENTS, ACTIVITY, AGENTS, UPDATES] {
        assert_eq!(server.times(path), 1, "{path}");
    }
}

#[tokio::test]
async fn events_are_told_once_and_looked_for_at_once_when_a_turn_begins() {
    let server = StandIn::start().await;
    server.reply("/live", Reply::json(200, &json!({})));
    server.reply(EVENTS, events(&[1]));
    server.reply(EVENTS, events(&[1, 2]));
    let mut watch = Watch::at_pace(client(&server, limits()), pace());
    assert!(matches!(happened(&mut watch).await.as_slice(), [What::Tool(_)]));
    for _ in 0..50 {
        reached(&mut watch).await;
    }
    assert_eq!(server.times(EVENTS), 1, "nothing goes on");
    watch.busy(true);
    assert_eq!(happened(&mut watch).await.len(), 1);
    watch.busy(false);
    let since =
        |request: &crate::stand_in::Request| request.target.split("since=").nth(1).unwrap().to_owned();
    let requests = server.requests();
    let activity = requests.iter().find(|request| request.path() == ACTIVITY).unwrap();
    assert!(since(activity).parse::<u64>().is_ok(), "MAS takes whole seconds only: {activity:?}");
}

#[tokio::test]
async fn however_lively_it_is_there_is_room_for_turns() {
    let server = StandIn::start().await;
    server.reply("/live", Reply::json(200, &json!({})));
    server.reply(EVENTS, events(&[]));
    let mut watch = Watch::at_pace(client(&server, limits()), Pace { quiet_events: OFTEN, ..pace() });
    watch.busy(true);
    for _ in 0..400 {
        reached(&mut watch).await;
    }
    let counted = server.asked().iter().filter(|path| !path.starts_with("/live")).count();
    assert!(counted <= 30, "{counted} requests");
}

#[tokio::test]
async fn what_is_pushed_is_told_and_a_socket_that_ends_is_opened_again() {
    let server = StandIn::start().await;
    server.reply("/live", Reply::json(200, &json!({})));
    server.reply(AGENTS, Reply::socket(vec![agent("mail", "processing"), Piece::HangUp]));
    server.reply(AGENTS, Reply::socket(vec![agent("mail", "completed")]));
    let update =
        json!({ "type": "memory_update", "data": { "operation": "recall", "count": 3, "key": "tea" } });
    server.reply(UPDATES, Reply::socket(vec![Piece::text("no json"), Piece::text(&update.to_string())]));
    let mut watch = Watch::at_pace(client(&server, limits()), Pace { ping: OFTEN * 4, ..pace() });
    let (mut states, mut memory) = (Vec::new(), None);
    while states.len() < 2 || memory.is_none() {
        for what in happened(&mut watch).await {
            match what {
                What::Agent(agent) => states.push((agent.name, agent.state)),
                What::Memory(told) => memory = Some(told),
                other => panic!("{other:?}"),
            }
        }
    }
    let mail = |state| ("mail".to_owned(), state);
    assert_eq!(states, [mail(AgentState::Processing), mail(AgentState::Completed)]);
    let memory = memory.unwrap();
    assert_eq!((memory.used, memory.kind.as_str(), memory.count), (MemoryUse::Read, "recall", 3));
    assert_eq!(memory.said.as_deref(), Some("tea"));
    let sockets: Vec<_> = server.requests().into_iter().filter(|request| request.path() == AGENTS).collect();
    assert!(sockets.iter().all(|request| request.header("x-myca-service-token") == Some("hush-hush")));
    while server.signs_of_life() < 3 {
        reached(&mut watch).await;
    }
}

#[tokio::test]
async fn a_flood_is_told_within_bounds_and_each_message_is_told_or_counted() {
    const MESSAGES: usize = 20_000;
    let server = StandIn::start().await;
    server.reply("/live", Reply::json(200, &json!({})));
    let flood = (0..MESSAGES).map(|number| agent(&format!("agent {number}"), "started")).collect();
    server.reply(AGENTS, Reply::socket(flood));
    let mut watch = Watch::at_pace(client(&server, limits()), pace());
    let (mut told, mut left_out) = (0, 0);
    while told + left_out < MESSAGES {
        match next(&mut watch).await {
            News::Happened(what) => {
                assert!(what.len() <= 100, "{} at once", what.len());
                told += what.len();
            }
            News::LeftOut(more) => left_out += usize::try_from(more).unwrap(),
            _ => {}
        }
    }
    assert_eq!(told + left_out, MESSAGES);
    assert!(told >= 100);
}

#[tokio::test]
async fn a_flood_that_nobody_takes_does_not_grow() {
    let server = StandIn::start().await;
    server.reply("/live", Reply::json(200, &json!({})));
    let Piece::Bytes(message) = agent("mail", "started") else { unreachable!("it is one") };
    server.reply(AGENTS, Reply::socket(vec![agent("first", "started"), Piece::Forever(message)]));
    let huge = Piece::text(
        &json!({ "type": "memory_update", "data": { "content": "x".repeat(1 << 20) } }).to_string(),
    );
    server.reply(UPDATES, Reply::socket(vec![huge]));
    let mut watch = Watch::at_pace(client(&server, limits()), pace());
    let mut first = Vec::new();
    while first.len() < 2 {
        first.extend(happened(&mut watch).await);
    }
    let left_out = find(&mut watch, |news| if let News::LeftOut(n) = news { Some(n) } else { None });
    assert!(left_out.await > 0, "a message that is too long is counted, and so is what is not read");
    drop(watch);
    // The sockets are let go: otherwise the server would say it for ever.
    server.connection_to_ended(UPDATES).await;
}
