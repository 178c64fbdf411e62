//! How the builds behave.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};
use uuid::Uuid;

use super::{Build, Mas, Moshi, Out, PREPARED, Request, World, mas_event, text};

pub(super) async fn serve(stream: TcpStream, world: &Arc<World>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(()) };
    let (mut key, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "sec-websocket-key" => key = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    world.change(|state| {
        state.requests.push(Request { method: method.clone(), target: target.clone(), body: body.clone() });
    });
    let path = target.split('?').next().unwrap().to_owned();
    match (key, path.strip_prefix("/ws/")) {
        (Some(key), Some(session)) => {
            let accept = derive_accept_key(key.as_bytes());
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            let socket = WebSocketStream::from_raw_socket(stream.into_inner(), Role::Server, None).await;
            socket_of(socket, session.to_owned(), world).await;
            Ok(())
        }
        _ => {
            let (status, body) = answer(&method, &path, &body, world);
            let kind = if body.starts_with('<') { "text/html" } else { "application/json" };
            let head = format!(
                "HTTP/1.1 {status} Whatever\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
            stream.shutdown().await
        }
    }
}

fn answer(method: &str, path: &str, body: &Value, world: &World) -> (u16, String) {
    if let Some((status, body)) = world.state.lock().unwrap().http.get(path) {
        return (*status, body.clone());
    }
    match (method, path) {
        ("POST", "/session") => {
            let session = Uuid::new_v4().to_string();
            world.change(|state| state.sessions.push(session.clone()));
            let document = json!({
                "session_id": session, "conversation_id": body["conversation_id"], "user_id": body["user_id"],
                "created_at": "2026-02-17T10:38:00+00:00", "history_count": 0, "duplex_enabled": false,
            });
            (200, document.to_string())
        }
        ("GET", "/health") => {
            let build = world.build();
            let mut document = json!({
                "status": "healthy", "version": "8.2.0", "moshi_available": true, "moshi_url": "http://localhost:8998",
                "mas_url": "http://mas.example:8001", "persona_length": 1046, "voice_store_connected": true,
                "map_clients_connected": 0, "features": { "full_duplex": true, "mas_tool_calls": true },
            });
            if matches!(build, Build::B3 | Build::B3Local) {
                document["local_stt_mode"] = (build == Build::B3Local).into();
                document["gpu_profile"] =
                    json!({ "profile_id": "rtx4080_16gb", "gpu_name": "RTX 4080", "vram_total_gb": 16.0 });
            }
            (200, document.to_string())
        }
        ("GET", path) if path.ends_with("/history") => {
            let session = path.trim_start_matches("/session/").trim_end_matches("/history");
            let state = world.state.lock().unwrap();
            if !state.sessions.iter().any(|known| known == session) {
                return (404, json!({ "error": "Session not found" }).to_string());
            }
            let turn = json!({ "role": "user", "content": "from earlier", "timestamp": "x" });
            let document = json!({ "session_id": session, "transcript_history": [], "loaded_history": [turn], "total_turns": 1 });
            (200, document.to_string())
        }
        _ => (404, json!({ "detail": "Not Found" }).to_string()),
    }
}

async fn socket_of(socket: WebSocketStream<TcpStream>, session: String, world: &Arc<World>) {
    let build = world.build();
    let (mut write, mut read) = socket.split();
    let (out, mut queue) = mpsc::unbounded_channel();
    // The later socket of a session gets what is told.
    world.change(|state| state.sockets.insert(session.clone(), out.clone()));
    let writing = async {
        while let Some(next) = queue.recv().await {
            match next {
                Out::Message(message) => write.send(message).await.map_err(|_| ())?,
                Out::HangUp => return Err(()),
            }
        }
        Err::<(), ()>(())
    };
    let living = live(build, &session, &out, &mut read, world);
    tokio::select! {
        _ = writing => {}
        () = living => {
            // The endpoint returns: what was told goes out, then the socket ends.
            while let Ok(Out::Message(message)) = queue.try_recv() {
                let _ = write.send(message).await;
            }
            if build != Build::B1 {
                let _ = write.close().await;
            }
        }
    }
    world.change(|state| {
        if state.sockets.get(&session).is_some_and(|socket| socket.same_channel(&out)) {
            state.sockets.remove(&session);
        }
    });
}

type Read = futures_util::stream::SplitStream<WebSocketStream<TcpStream>>;

async fn live(
    build: Build,
    session: &str,
    out: &mpsc::UnboundedSender<Out>,
    read: &mut Read,
    world: &Arc<World>,
) {
    let send = |message: Message| {
        let _ = out.send(Out::Message(message));
    };
    let json = |value: Value| send(Message::Text(value.to_string().into()));
    let voice = json!({ "session_id": session, "voice": "myca", "voice_prompt": "NATF2.pt" });
    let with = |kind: &str, more: Value| {
        let mut message = voice.clone();
        message["type"] = kind.into();
        for (name, value) in more.as_object().unwrap() {
            message[name] = value.clone();
        }
        message
    };
    match build {
        Build::B1 => {}
        Build::B2 => json(with("bridge_ready", json!({ "moshi_pending": true }))),
        Build::B3 => json(with("bridge_ready", json!({ "moshi_pending": true, "local_stt_mode": false }))),
        Build::B3Local => {
            json(with("bridge_ready", json!({ "moshi_pending": false, "local_stt_mode": true })));
            world.change(|state| state.shaken.push(session.to_owned()));
            send(Message::Binary(vec![0].into()));
            json(with("moshi_ready", json!({ "local_stt_mode": true })));
            pump(session, read, world).await;
            return;
        }
    }
    if world.state.lock().unwrap().moshi == Some(Moshi::Down) {
        let message = match build {
            Build::B1 => {
                "Cannot connect to host localhost:8998 ssl:default [Connect call failed ('127.0.0.1', 8998)]"
            }
            _ => {
                "Moshi unreachable at localhost:8998. Ensure Moshi is running; run _start_voice_system.py to warm up."
            }
        };
        json(json!({ "type": "error", "message": message }));
        return;
    }
    let history = json!({ "type": "history_loaded", "turns": 2, "conversation_id": "c" });
    if build != Build::B1 {
        json(history.clone());
    }
    let comes = async {
        loop {
            let changed = world.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if world.state.lock().unwrap().moshi == Some(Moshi::Up) {
                break;
            }
            changed.await;
        }
        // Once in a session, however many sockets it has.
        let is_first = world.change(|state| {
            let is_first = !state.shaken.iter().any(|known| known == session);
            state.shaken.push(session.to_owned());
            is_first
        });
        if is_first {
            send(Message::Binary(vec![0].into()));
            match build {
                Build::B1 => json(history),
                _ => json(with("moshi_ready", json!({}))),
            }
        }
    };
    if build == Build::B1 {
        // Nothing is read before Moshi is there.
        comes.await;
        pump(session, read, world).await;
    } else {
        tokio::join!(comes, pump(session, read, world));
    }
}

async fn pump(session: &str, read: &mut Read, world: &Arc<World>) {
    let mut questions = JoinSet::new();
    loop {
        match read.next().await {
            Some(Ok(Message::Binary(bytes))) => world.change(|state| state.binaries.push(bytes.to_vec())),
            Some(Ok(Message::Text(text))) => {
                let Ok(message) = serde_json::from_str::<Value>(&text) else { continue };
                world.change(|state| state.said.push(message.clone()));
                let words = message["text"].as_str().unwrap_or_default();
                let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                if words.chars().count() < 2 {
                    continue;
                }
                let is_speech = message["type"] == "user_speech";
                let speaks = world.build() == Build::B3 && is_speech;
                if !speaks {
                    world.change(|state| state.kept.push(words.clone()));
                }
                let (world, session) = (Arc::clone(world), session.to_owned());
                questions.spawn(async move { question(&world, &session, &words, speaks).await });
            }
            Some(Ok(Message::Close(frame))) => {
                world.change(|state| state.closes.push(frame.map(|frame| frame.code.into())));
                return;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => {
                world.change(|state| state.closes.push(None));
                return;
            }
        }
    }
}

async fn question(world: &World, session: &str, words: &str, speaks: bool) {
    let build = world.build();
    let query: String = words.chars().take(50).collect();
    world.tool(session, json!({ "query": query, "status": "running" }));
    let injection = |content: &str| {
        mas_event("injection", json!({ "type": "brain_response", "content": content, "status": "available" }))
    };
    if matches!(build, Build::B3 | Build::B3Local) {
        world.tell(session, &injection(PREPARED));
        if speaks || build == Build::B3Local {
            world.tell(session, &text(PREPARED));
            world.tell(session, &json!({ "type": "tts_stream_start", "packets": 2 }));
            for packet in [&b"\x01\x08one"[..], b"\x01\x08two"] {
                world.push(session, Message::Binary(packet.to_vec().into()));
            }
        }
        world.tool(session, json!({ "status": "success", "duration": 0 }));
    }
    let (answer, between, extra) = world.change(|state| {
        state.model_calls += 1;
        (state.answers.pop_front(), state.between.clone(), state.extra.clone())
    });
    let reply = match answer {
        Some(Mas::Says(reply)) => Some(reply),
        Some(Mas::SaysLater(reply)) => {
            world.holds.acquire().await.unwrap().forget();
            Some(reply)
        }
        Some(Mas::SaysNothing) => Some(String::new()),
        Some(Mas::Fails) | None => None,
        Some(Mas::Vanishes) => return,
    };
    if reply.is_some() {
        extra.iter().for_each(|event| world.tell(session, event));
    }
    if matches!(build, Build::B3 | Build::B3Local) {
        if let Some(reply) = reply.filter(|reply| !reply.is_empty() && reply != PREPARED) {
            world.tell(session, &injection(&reply));
        }
        return;
    }
    let Some(reply) = reply else {
        world.tool(session, json!({ "status": "timeout" }));
        return;
    };
    if !reply.is_empty() {
        let cut: String = reply.chars().take(200).collect();
        world.tell(session, &injection(if build == Build::B1 { &cut } else { &reply }));
        let mut between = between.iter().cycle();
        for word in reply.split_whitespace() {
            if let Some(piece) = between.next() {
                world.tell(session, &text(piece));
            }
            world.tell(session, &text(&format!("{word} ")));
        }
    }
    world.tool(session, json!({ "status": "success", "duration": 0 }));
}
