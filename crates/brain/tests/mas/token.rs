//! The service token, and where it goes.

use brain::{
    Brain, Mas, What,
    mas::{MasAddress, ServiceToken},
};
use serde_json::json;

use crate::{
    all, client, limits, next,
    stand_in::{self, CHAT, STREAM, StandIn},
    turn,
};

#[tokio::test]
async fn the_token_goes_in_headers_and_is_never_told() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::missing());
    let echo = json!({ "detail": "bad header X-MYCA-Service-Token: hush-hush" });
    server.reply(CHAT, stand_in::Reply::json(500, &echo));
    let mas = client(&server, limits());
    assert!(!format!("{mas:?}").contains("hush"));
    let told = all(mas.begin(turn("Hi"))).await;
    assert_eq!(told.failed().said.as_deref(), Some("bad header X-MYCA-Service-Token: [token]"));
    assert!(!format!("{told:?}").contains("hush"));
    for request in server.requests() {
        assert_eq!(request.header("x-myca-service-token"), Some("hush-hush"));
        assert_eq!(request.header("x-mycosoft-service-token"), Some("hush-hush"));
        assert!(!request.target.contains("hush"));
    }
    let address = MasAddress::parse(&server.address()).unwrap();
    all(Mas::new(address, None, limits()).begin(turn("Hi"))).await;
    assert_eq!(server.requests().last().unwrap().header("x-myca-service-token"), None);
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let (server, other) = (StandIn::start().await, StandIn::start().await);
    other.reply(STREAM, stand_in::Reply::tokens(&["stolen"]));
    let away = stand_in::Reply::of(307, "text/plain", Vec::new());
    server.reply(STREAM, away.with("location", &format!("{}{STREAM}", other.address())));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!(told.failed().code, "mas.redirected");
    assert!(told.failed().repeatable);
    assert_eq!(other.requests().len(), 0);
    assert_eq!(server.asked(), [STREAM]);
    assert_eq!(server.model_calls(), 0);
}

#[tokio::test]
async fn that_a_token_can_be_read_on_its_way_is_said_once_before_it_goes() {
    // An address that is set aside for examples: nobody is there.
    let far = || MasAddress::parse("http://203.0.113.5:8001").unwrap();
    let first = async |mas: &Mas| next(&mut mas.begin(turn("Hi"))).await.unwrap().what;
    let mas = Mas::new(far(), Some(ServiceToken::new("hush-hush").unwrap()), limits());
    let What::Notice(notice) = first(&mas).await else { panic!("a notice") };
    assert_eq!(notice.code, "mas.token_in_the_clear");
    assert!(notice.what.contains("203.0.113.5") && !notice.what.contains("hush"), "{notice:?}");
    assert!(matches!(first(&mas).await, What::Thinking { .. }), "once");
    assert!(
        matches!(first(&Mas::new(far(), None, limits())).await, What::Thinking { .. }),
        "no token, no harm"
    );
}
