//! Turns with a language model.

use net::Kind;
use serde_json::{Map, Value};

use super::{
    calling::{Asking, Called},
    course::{Course, Room, Stop},
    grammar::understand,
    model::{Assembled, Finish, Found, Messages, Model, ModelError, WantedCall, offer},
};
use crate::{
    Notice, Outcome, What,
    bounded::{DOCUMENT, TEXT, cut},
    interface::Gone,
    sse::SseReader,
};

/// How often a model may call tools before it has to answer.
const ROUNDS: usize = 6;
/// As many memories go along with a turn unasked.
const REMEMBERED: u64 = 5;

/// What one request brought.
struct Round {
    words: String,
    calls: Vec<WantedCall>,
    end: End,
}

/// How it ended.
#[derive(PartialEq, Eq)]
enum End {
    Said(Finish),
    /// More words came than are taken.
    Full,
}

impl Course<'_> {
    /// Answers with the language model where there is one, else plainly.
    pub(super) async fn answer(&mut self) -> Result<Outcome, Stop> {
        let Some(model) = &self.brain.model else { return self.plainly().await };
        let name = match model.find().await {
            Found::Named(name) => name,
            Found::Nowhere => return self.plainly().await,
            Found::Lost(error) => return self.without(model, &error).await,
        };
        loop {
            if model.lacks_tools() && understand(self.turn.text()).acts() {
                return self.plainly().await;
            }
            match self.converse(model, &name).await {
                Err(Stop::Model(ModelError::NoTools)) if !model.lacks_tools() => {
                    model.has_no_tools();
                    let what = format!("{name} cannot use tools, so it only talks.");
                    self.notice(Notice::new("model.no_tools", what)).await?;
                }
                Err(Stop::Model(error)) if error.is_unreached() && !self.has_begun() => {
                    return self.without(model, &error).await;
                }
                ended => return ended,
            }
        }
    }

    /// Answers plainly, as the model cannot be asked. Where nobody said that there is one, nobody misses it.
    async fn without(&mut self, model: &Model, error: &ModelError) -> Result<Outcome, Stop> {
        if model.is_set() {
            let what =
                format!("{} I answer without a language model.", error.what(&model.address().to_string()));
            let said = error.said().map(str::to_owned);
            self.notice(Notice { said, ..Notice::new(error.code(), what) }).await?;
        }
        self.plainly().await
    }

    async fn converse(&mut self, model: &Model, name: &str) -> Result<Outcome, Stop> {
        let tools = (!model.lacks_tools()).then(|| offer(&self.brain.tools));
        let remembered = self.remembered().await?;
        let mut messages = Messages::of(self.turn, &remembered, tools.is_some());
        self.provider = Some(name.to_owned());
        for round in 0..=ROUNDS {
            // After the last round nothing is offered, so that it ends in words.
            let tools = tools.as_ref().filter(|_| round < ROUNDS);
            self.teller.tell(What::Thinking { asks: name.to_owned() }).await?;
            let Round { words, calls, end } = self.round(model, &messages.request(name, tools), name).await?;
            if calls.is_empty() || tools.is_none() || end == End::Full {
                return self.concluded(&end).await;
            }
            messages.called(&words, &calls);
            self.make(&calls, &mut messages).await?;
        }
        // The last round has no tools, and has returned.
        Err(ModelError::Nothing.into())
    }

    /// What is remembered that may belong to the turn.
    async fn remembered(&mut self) -> Result<Vec<String>, Gone> {
        let Some(kept) = &self.brain.kept else { return Ok(Vec::new()) };
        let memories = kept.related(self.turn.text(), REMEMBERED).await.unwrap_or_else(|error| {
            tracing::debug!(error, "nothing that is remembered goes along");
            Vec::new()
        });
        if !memories.is_empty() {
            self.looked_into_memory(memories.len()).await?;
        }
        Ok(memories.into_iter().map(|memory| memory.text).collect())
    }

    /// Asks once, and tells the words as they come.
    async fn round(&mut self, model: &Model, request: &Value, name: &str) -> Result<Round, Stop> {
        let mut response = model.ask(request, name).await?;
        let mut assembled = Assembled::default();
        let mut words = String::new();
        let mut full = false;
        let failed = |said: Option<String>| {
            Stop::Model(ModelError::FailedLater { said: said.map(|said| model.without_key(said)) })
        };
        if response.kind() == Kind::Json {
            // It was asked for a stream and does not know that.
            let document = response.document(DOCUMENT).await.map_err(ModelError::from)?;
            let document: Value = serde_json::from_slice(&document).map_err(|_| ModelError::NotModel)?;
            let piece = assembled.object(&document).map_err(failed)?;
            full = self.speak(&piece, &mut words).await? == Room::None;
        } else {
            let mut reader = SseReader::new();
            while !full && !assembled.ended {
                let piece = response.piece().await.map_err(ModelError::from)?;
                let events = match &piece {
                    Some(piece) => reader.push(piece),
                    None => reader.finish().into_iter().collect(),
                };
                for event in events {
                    let piece = assembled.data(&event.data).map_err(failed)?;
                    if self.speak(&piece, &mut words).await? == Room::None {
                        full = true;
                        break;
                    }
                }
                if piece.is_none() {
                    break;
                }
            }
        }
        // A server that is let go of stops.
        drop(response);
        let (held, calls) = assembled.take();
        if !full {
            full = self.speak(&held, &mut words).await? == Room::None;
        }
        self.left_out += assembled.left_out;
        if assembled.unreadable > 0 {
            let what = format!("{} parts of the answer could not be read.", assembled.unreadable);
            self.notice(Notice::new("model.unreadable", what)).await?;
        }
        Ok(Round { words, calls, end: if full { End::Full } else { End::Said(assembled.finish()) } })
    }

    /// Tells words of a round, which begin apart from those of the round before.
    async fn speak(&mut self, piece: &str, words: &mut String) -> Result<Room, Gone> {
        if piece.is_empty() {
            return Ok(Room::Some);
        }
        if words.is_empty() && self.has_words() && self.words("\n\n").await? == Room::None {
            return Ok(Room::None);
        }
        words.push_str(piece);
        self.words(piece).await
    }

    /// Makes the calls that the model wants, one after the other.
    async fn make(&mut self, calls: &[WantedCall], messages: &mut Messages) -> Result<(), Gone> {
        let mut ids = Vec::new();
        for call in calls {
            ids.push(self.announce(&call.name, &call.arguments, Some(&call.id)).await?);
        }
        for (call, id) in calls.iter().zip(ids) {
            let arguments = arguments(&call.arguments);
            let came = match (self.brain.tools.named(&call.name), arguments) {
                (Some(tool), Some(arguments)) => {
                    match self.call(id, tool.as_ref(), arguments, Asking::Needed).await? {
                        Called::Well(answer) => answer.text,
                        Called::Badly(why) => why,
                        Called::Refused => "The person did not allow it.".to_owned(),
                    }
                }
                (tool, _) => {
                    let why = match tool {
                        None => "There is no tool of this name.",
                        Some(_) => "The arguments are no JSON object.",
                    };
                    self.fail(id, why).await?;
                    why.to_owned()
                }
            };
            messages.came_of(call, &cut(&came, TEXT));
        }
        Ok(())
    }

    /// Tells the reply, after its last word.
    async fn concluded(&mut self, end: &End) -> Result<Outcome, Stop> {
        if !self.has_words() {
            return Err(ModelError::Nothing.into());
        }
        let cut = match end {
            End::Said(Finish::Whole) => None,
            End::Said(Finish::Limit) => {
                Some(("model.long_reply", "The model's limit was reached before the reply's end."))
            }
            End::Full => Some(("model.long_reply", "The reply was too long and was cut.")),
            End::Said(Finish::Unsaid) => {
                Some(("model.no_end", "The model did not say that this is the whole reply."))
            }
        };
        if let Some((code, what)) = cut {
            self.notice(Notice::new(code, what)).await?;
        }
        self.reply(cut.is_none()).await?;
        Ok(Outcome::Answered)
    }
}

/// Arguments as a tool gets them; none that are no object.
fn arguments(text: &str) -> Option<Value> {
    if text.trim().is_empty() {
        return Some(Value::Object(Map::new()));
    }
    serde_json::from_str(text).ok().filter(Value::is_object)
}
