//! What the brain thinks, calls, runs and remembers, and what has happened, as the window shows it.

use serde::Serialize;
use ts_rs::TS;

use super::Problem;

/// The panels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Panels {
    /// Who answers, and what they do.
    pub brain: BrainPanel,
    /// Calls of tools, oldest first.
    pub tools: Vec<ToolCall>,
    /// How many calls there were. Lists are cut at their beginning.
    pub tool_total: u64,
    /// Agents, in the order in which they were first heard of.
    pub agents: Vec<Agent>,
    /// Uses of memory, oldest first.
    pub memory: Vec<MemoryUse>,
    /// Counted so far.
    pub memory_counts: MemoryCounts,
    /// Replies on their way to a voice, oldest first.
    pub injections: Vec<Injection>,
    /// What the agent system says of itself.
    pub consciousness: Option<Consciousness>,
}

/// Who answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum BrainKind {
    /// The one in the app.
    #[default]
    BuiltIn,
    /// An agent system.
    Mas,
    /// A PersonaPlex Bridge.
    Bridge,
}

/// What the brain does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum BrainState {
    /// Nothing is asked of it.
    #[default]
    Ready,
    /// It was asked, and nothing of the reply has come.
    Thinking,
    /// It waits: it has had too many requests, or the person has to decide.
    Waiting,
    /// The reply comes.
    Streaming,
    /// The last turn failed.
    Failed,
}

/// Whether a reply is one of a few prepared sentences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Canned {
    /// It is not.
    #[default]
    No,
    /// It may be.
    Perhaps,
    /// It is.
    Yes,
}

/// The brain, and its last reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct BrainPanel {
    /// Who answers.
    pub kind: BrainKind,
    /// Where it is, or which language model it uses, to show.
    pub place: String,
    /// What it does.
    pub state: BrainState,
    /// Since when.
    pub since_ms: i64,
    /// Whom the turn under way asks, in the brain's own words.
    pub asks: Option<String>,
    /// Which model answered last, as the brain says.
    pub provider: Option<String>,
    /// The agent in whose name it answered last, as the brain says.
    pub agent: Option<String>,
    /// From the request to the first piece of the reply.
    pub first_token_ms: Option<f64>,
    /// From the request to the end of the reply.
    pub latency_ms: Option<f64>,
    /// What was read from memory for the last turn.
    pub memories: u64,
    /// The last reply, as far as it has come; its beginning where it is long.
    pub reply: String,
    /// Whether that is the whole of it.
    pub whole: bool,
    /// Whether it is one of a few prepared sentences.
    pub canned: Canned,
    /// What the brain had to say beside the reply.
    pub notice: Option<String>,
    /// Until when it waits.
    pub waits_until_ms: Option<i64>,
    /// Why the last turn failed.
    pub problem: Option<Problem>,
    /// What it said itself of that.
    pub said: Option<String>,
    /// Turns that were asked so far.
    pub turns: u64,
    /// Turns that wait to be asked.
    pub waiting: u64,
}

/// Where a call of a tool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ToolState {
    /// It is to be called.
    Pending,
    /// It runs.
    Running,
    /// It ended well.
    Success,
    /// It ended otherwise.
    Error,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ToolCall {
    /// Unique.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// What it was called with: words, or JSON.
    pub arguments: Option<String>,
    /// Where it stands.
    pub state: ToolState,
    /// What the person has to decide before it is called.
    pub question: Option<String>,
    /// When it was first heard of.
    pub at_ms: i64,
    /// How long it has taken, measured here.
    pub measured_ms: Option<f64>,
    /// How long it took as the brain says.
    pub reported_ms: Option<f64>,
    /// What came of it: words, or JSON.
    pub result: Option<String>,
}

/// Where an agent's doing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum AgentState {
    /// The request matches what it is for.
    Matched,
    /// It was called.
    Invoked,
    /// It works.
    Processing,
    /// It has ended well.
    Completed,
    /// It has ended otherwise.
    Failed,
    /// Not said.
    Unknown,
}

/// An agent, and what it did last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// Unique.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub action: Option<String>,
    /// Where that stands.
    pub state: AgentState,
    /// Since when.
    pub since_ms: i64,
    /// What it says of it.
    pub said: Option<String>,
}

/// A use of memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MemoryUse {
    /// Unique.
    pub id: String,
    /// Whether something was written, and not read.
    pub write: bool,
    /// What: memories, episodes, profile, turn, or a word of the brain's.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// When.
    pub at_ms: i64,
    /// What the brain says of it.
    pub said: Option<String>,
}

/// Uses of memory, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MemoryCounts {
    /// What was read.
    pub reads: u64,
    /// What was written.
    pub writes: u64,
    /// The kinds of memory that were heard of, in the order in which they were.
    pub scopes: Vec<String>,
    /// Whether it is the built-in brain's, and can be searched, changed and deleted here.
    pub editable: bool,
}

/// What became of a reply on its way to a voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum InjectionState {
    /// It waits to be spoken.
    Queued,
    /// It is being spoken.
    Speaking,
    /// It was spoken.
    Spoken,
    /// It was begun or waited, and was ended.
    Cut,
    /// It was shown, and not spoken.
    ShownOnly,
}

/// Who speaks a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum InjectionVoice {
    /// Moshi, in its own voice.
    Moshi,
    /// The bridge, in a voice of its own.
    Bridge,
}

/// A reply on its way to a voice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Injection {
    /// Unique.
    pub id: String,
    /// Its words; their beginning where they are many.
    pub text: String,
    /// What became of it.
    pub state: InjectionState,
    /// Who speaks it, where somebody does.
    pub voice: Option<InjectionVoice>,
    /// How far it was spoken, where that is known; its beginning where it is long.
    pub said: Option<String>,
    /// Why it was not spoken to its end.
    pub why: Option<String>,
    /// Since when.
    pub at_ms: i64,
}

/// What the agent system says of itself. What it does not say is null.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Consciousness {
    /// dormant, awakening, conscious, focused, dreaming, hibernating, or another word of its own.
    pub state: Option<String>,
    /// What it calls itself.
    pub name: Option<String>,
    /// Since when it is awake, in its own words.
    pub awake_since: Option<String>,
    /// The emotion that leads.
    pub dominant_emotion: Option<String>,
    /// Emotions and how strong they are, 0 to 1, the strongest first.
    pub emotions: Vec<Emotion>,
    /// Counted since it woke up.
    pub thoughts: Option<u64>,
    /// Counted since it woke up.
    pub memories: Option<u64>,
    /// Counted since it woke up.
    pub agents: Option<u64>,
    /// Counted since it woke up.
    pub world_updates: Option<u64>,
    /// When it said so.
    pub at_ms: i64,
}

/// An emotion.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Emotion {
    /// What it is called.
    pub name: String,
    /// How strong it is, 0 to 1.
    pub strength: f64,
}

/// What has happened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    /// The last entries, oldest first.
    pub entries: Vec<LogEntry>,
    /// What is not in it, because too much happened at once.
    pub left_out: u64,
}

/// Where an entry of the log comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum LogSource {
    /// The app itself.
    App,
    /// Sound devices.
    Sound,
    /// The call with the Moshi host.
    Moshi,
    /// Who hears what the person says.
    Ear,
    /// The brain.
    Brain,
    /// A tool.
    Tool,
    /// An agent.
    Agent,
    /// Memory.
    Memory,
}

/// How grave an entry of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// Good to know.
    Info,
    /// Worth a look.
    Warning,
    /// Something is wrong.
    Error,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// Counts all entries, without gaps but for those that were left out.
    pub number: u64,
    /// When.
    pub at_ms: i64,
    /// Where it comes from.
    pub source: LogSource,
    /// How grave it is.
    pub level: LogLevel,
    /// What happened, in a few words of ours.
    pub what: String,
    /// What was said from outside.
    pub said: Option<String>,
}

/// A conversation in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The conversation's id.
    pub id: String,
    /// What the person calls it, or its first words.
    pub title: String,
    /// Whether the title was given by the person.
    pub named: bool,
    /// When it began.
    pub started_ms: i64,
    /// When its last turn began.
    pub last_ms: i64,
    /// How many turns it has.
    pub turns: u64,
    /// The words around what was searched for.
    pub found: Option<String>,
}

/// A part of the history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HistoryPage {
    /// Conversations, the latest first.
    pub entries: Vec<HistoryEntry>,
    /// How many there are in all.
    pub total: u64,
}

/// How a conversation is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ExportFormat {
    /// For people.
    Markdown,
    /// For programs.
    Json,
}

/// Something that the built-in brain remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MemoryItem {
    /// Unique.
    pub id: String,
    /// What it remembers.
    pub text: String,
    /// Since when.
    pub at_ms: i64,
}

/// A part of what the built-in brain remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MemoryPage {
    /// What it remembers: the latest first, or what fits a search best.
    pub items: Vec<MemoryItem>,
    /// How much there is in all.
    pub total: u64,
}
