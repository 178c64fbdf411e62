//! What the window shows and what it may ask, without the window.
//!
//! [`Window`] owns one conversation, the settings, the list of devices and the echo test. What the window shows is one
//! [`Snapshot`](view::Snapshot); whatever changes it is a [`UiEvent`](view::UiEvent), and both come from one
//! [state](state) whose transitions are pure. The desktop shell and the tests stand in front of the same interface.

mod bindings;
mod brains;
mod echo_test;
mod hearing;
mod host_list;
mod outbox;
mod pace;
mod past;
mod places;
mod report;
mod settings;
mod state;
mod task;
mod token;
mod tools;
mod translate;
pub mod view;
mod waiting;
mod wish;

pub use bindings::typescript;
pub use hosts::SshProgram;
pub use places::PlaceOptions;
pub use settings::{LocalPatch, SettingsPatch};
pub use task::Options;
pub use wish::{Sink, Window};
