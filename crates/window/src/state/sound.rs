//! Devices, the routes of both directions, and the sound that flows.

use audio::{DeviceError, DeviceList, Direction, RouteStatus};
use conversation::Figures;

use super::{State, latency};
use crate::{
    translate,
    view::{EchoTestState, Phase, Route, Signal, UiEvent},
};

/// One direction.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    /// While sound is open.
    pub(super) route: Option<RouteStatus>,
    /// Why there is nothing to open, once devices have been listed.
    pub(super) nothing: Option<DeviceError>,
}

impl State {
    pub(super) fn route(&mut self, route: RouteStatus, events: &mut Vec<UiEvent>) {
        let shown = Route::from(&route);
        match route.direction {
            Direction::Input => {
                self.snapshot.devices.input = shown;
                self.input.route = Some(route);
            }
            Direction::Output => {
                self.snapshot.devices.output = shown;
                self.output.route = Some(route);
            }
        }
        events.push(UiEvent::Devices { devices: self.snapshot.devices.clone() });
    }

    pub(super) fn close_sound(&mut self, events: &mut Vec<UiEvent>) {
        self.input.route = None;
        self.output.route = None;
        self.settle_routes();
        self.snapshot.latency = latency::none();
        events.push(UiEvent::Devices { devices: self.snapshot.devices.clone() });
        events.push(UiEvent::Latency { latency: self.snapshot.latency.clone() });
    }

    /// While no sound is open, what would be used is known from the choice and the list.
    pub(super) fn settle_routes(&mut self) {
        let devices = &mut self.snapshot.devices;
        for (side, chosen, list, route) in [
            (&self.input, &self.settings.input_device, &devices.inputs, &mut devices.input),
            (&self.output, &self.settings.output_device, &devices.outputs, &mut devices.output),
        ] {
            if side.route.is_none() {
                let missing = chosen.as_ref().is_some_and(|id| list.iter().all(|device| device.id != *id));
                *route = Route { chosen: chosen.clone(), in_use: None, chosen_missing: missing };
            }
        }
    }

    pub(super) fn devices(
        &mut self,
        found: Result<(String, DeviceList), DeviceError>,
        events: &mut Vec<UiEvent>,
    ) {
        for (side, direction) in [(&mut self.input, Direction::Input), (&mut self.output, Direction::Output)]
        {
            side.nothing = match &found {
                Ok((_, list)) => list.of(direction).is_empty().then_some(DeviceError::NotFound(direction)),
                Err(error) => Some(error.clone()),
            };
        }
        let (system, list) = found.unwrap_or_default();
        let (inputs, outputs) = translate::devices(&list);
        let before = self.snapshot.devices.clone();
        let devices = &mut self.snapshot.devices;
        (devices.system, devices.inputs, devices.outputs) = (system, inputs, outputs);
        self.settle_routes();
        if self.snapshot.devices != before {
            events.push(UiEvent::Devices { devices: self.snapshot.devices.clone() });
        }
    }

    pub(super) fn sound(&mut self, figures: Figures, measured: bool, events: &mut Vec<UiEvent>) {
        let echoes = self.snapshot.echo_test.state == EchoTestState::Running;
        if measured && echoes {
            self.snapshot.echo_test.round_trip_ms = latency::round_trip(&figures);
            events.push(UiEvent::EchoTest { echo_test: self.snapshot.echo_test.clone() });
        } else if measured && has_sound(self.snapshot.call.phase) {
            self.snapshot.latency = latency::measured(&figures);
            events.push(UiEvent::Latency { latency: self.snapshot.latency.clone() });
        }
        if measured {
            self.unheard(figures.mic_unheard, events);
        }
        let signal = Signal {
            mic_peaks: figures.microphone.0,
            moshi_peaks: figures.speaker.0,
            mic: figures.microphone.1.into(),
            moshi: figures.speaker.1.into(),
        };
        events.push(UiEvent::Signal { signal });
    }
}

impl State {
    /// Whether the conversation has the devices open, for a call or for dictation.
    pub(crate) fn conversation_sounds(&self) -> bool {
        has_sound(self.snapshot.call.phase) || self.snapshot.dictation.on
    }
}

/// Whether microphone and loudspeaker are open in this phase.
pub(crate) fn has_sound(phase: Phase) -> bool {
    match phase {
        Phase::Connecting | Phase::WarmingUp | Phase::Busy | Phase::Live | Phase::Reconnecting => true,
        Phase::Idle | Phase::TypingOnly | Phase::Failed => false,
    }
}
