//! Turns that wait, and turns that are no longer wanted.

use std::time::Duration;

use brain::{Brain, EVENTS, Outcome, What, mas::Limits};

use crate::{
    all, client, limits, next,
    stand_in::{self, PATIENCE, Piece, STREAM, StandIn},
    turn,
};

#[tokio::test]
async fn too_many_requests_are_waited_for_and_told() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::limited(Some("0.01")));
    server.reply(STREAM, stand_in::Reply::limited(None));
    server.reply(STREAM, stand_in::Reply::tokens(&["at last"]));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!(told.answered().text, "at last");
    let waits: Vec<_> = told.notices().iter().map(|notice| notice.wait.unwrap()).collect();
    assert_eq!(waits, [Duration::from_millis(10), limits().unsaid_wait]);
    assert_eq!(told.notice_codes(), ["mas.waits", "mas.waits"]);
    assert_eq!((server.asked().len(), server.model_calls()), (3, 1));
}

#[tokio::test]
async fn a_moment_to_wait_for_is_one_of_mas_own_clock() {
    let server = StandIn::start().await;
    let until = |moment: &str, now: &str| stand_in::Reply::limited(Some(moment)).with("date", now);
    server.reply(STREAM, until("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:27:59 GMT"));
    server.reply(STREAM, until("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:01 GMT"));
    server.reply(STREAM, until("Wed, 21 Oct 2015 08:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!(told.failed().code, "mas.limited", "nobody waits for an hour");
    let waits: Vec<_> = told.notices().iter().map(|notice| notice.wait.unwrap()).collect();
    assert_eq!(waits, [Duration::from_secs(1), Duration::ZERO]);
}

#[tokio::test]
async fn waiting_has_an_end() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::limited(Some("0")));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!((told.failed().code, told.failed().repeatable), ("mas.limited", true));
    assert_eq!((server.asked().len(), server.model_calls()), (4, 0));
    server.forget(STREAM);
    server.reply(STREAM, stand_in::Reply::limited(Some("3600")));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!(told.failed().code, "mas.limited", "nobody waits for an hour");
    assert_eq!((server.asked().len(), server.model_calls()), (5, 0));
}

#[tokio::test]
async fn a_wait_can_be_cancelled() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::limited(Some("60")));
    let mas = client(&server, Limits { wait: PATIENCE * 2, ..limits() });
    let mut answer = mas.begin(turn("Hi"));
    while !matches!(next(&mut answer).await.unwrap().what, What::Notice(_)) {}
    answer.cancel();
    let done = next(&mut answer).await.unwrap();
    assert_eq!(done.what, What::Done { outcome: Outcome::Cancelled, left_out: 0 });
    assert_eq!(next(&mut answer).await, None);
    assert_eq!((server.asked().len(), server.model_calls()), (1, 0));
}

#[tokio::test]
async fn a_cancelled_turn_lets_go_of_mas_and_keeps_what_came() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::events(vec![Piece::token("Once upon"), Piece::Hold]));
    let mut answer = client(&server, limits()).begin(turn("Hi"));
    while !matches!(next(&mut answer).await.unwrap().what, What::Token { .. }) {}
    answer.reins().cancel();
    let What::Reply(reply) = next(&mut answer).await.unwrap().what else { panic!("what came") };
    assert_eq!((reply.text.as_str(), reply.whole), ("Once upon", false));
    let done = next(&mut answer).await.unwrap();
    assert_eq!(done.what, What::Done { outcome: Outcome::Cancelled, left_out: 0 });
    server.connection_to_ended(STREAM).await;
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn a_turn_that_is_cancelled_while_nobody_reads_has_told_what_it_replies() {
    let server = StandIn::start().await;
    let flood = (0..EVENTS * 2).map(|n| Piece::token(&format!("{n} "))).chain([Piece::Hold]);
    server.reply(STREAM, stand_in::Reply::events(flood.collect()));
    let answer = client(&server, limits()).begin(turn("Hi"));
    // Most of the times all that has room waits by now; where it does not, this proves less and is true all the same.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    answer.cancel();
    let told = all(answer).await;
    assert_eq!(told.outcome(), Outcome::Cancelled);
    assert!(told.reply().is_none_or(|reply| !reply.whole));
    assert!(told.told.len() <= EVENTS + 2, "what waits is bounded");
    server.connection_to_ended(STREAM).await;
}

#[tokio::test]
async fn a_turn_that_nobody_listens_to_lets_go_of_mas() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::events(vec![Piece::token("Once upon"), Piece::Hold]));
    let mut answer = client(&server, limits()).begin(turn("Hi"));
    while !matches!(next(&mut answer).await.unwrap().what, What::Token { .. }) {}
    drop(answer);
    server.connection_to_ended(STREAM).await;
    assert_eq!(server.model_calls(), 1);
}
