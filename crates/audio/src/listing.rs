//! The list of devices while no sound is open, kept up to date.

use std::{
    io, iter,
    sync::mpsc::{self, RecvTimeoutError, SyncSender},
    thread::{self, JoinHandle},
};

use crate::{
    device::{DeviceError, DeviceList, System},
    sound::{ConnectSystem, LIST_EVERY},
};

/// A sound system's name and its devices, or why there are none.
pub type Listed = Result<(String, DeviceList), DeviceError>;

enum Message {
    Changed,
    Close,
}

/// Watches the devices of a sound system on a thread of its own, until dropped. A system that is not there, or goes
/// away, is looked for every few seconds.
pub struct DeviceWatch {
    messages: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl DeviceWatch {
    /// Starts watching. `on_list` is called on the watching thread, at once and whenever something has changed.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(mut connect: ConnectSystem, on_list: impl Fn(Listed) + Send + 'static) -> io::Result<Self> {
        let (messages, queue) = mpsc::sync_channel(8);
        let own = messages.clone();
        let thread = thread::Builder::new().name("device-watch".into()).spawn(move || {
            let mut system: Option<(Box<dyn System>, bool)> = None;
            let mut told = None;
            loop {
                let listed = list(&mut system, &mut connect, &own);
                if told.as_ref() != Some(&listed) {
                    on_list(listed.clone());
                    told = Some(listed);
                }
                // A system that tells of every change is left in peace.
                let tells = system.as_ref().is_some_and(|(_, tells)| *tells);
                let next = if tells {
                    queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
                } else {
                    queue.recv_timeout(LIST_EVERY)
                };
                // Changes come in bursts; one look serves all of them.
                let all = iter::once(next).chain(queue.try_iter().map(Ok));
                for message in all {
                    match message {
                        Ok(Message::Changed) | Err(RecvTimeoutError::Timeout) => {}
                        Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            }
        })?;
        Ok(Self { messages, thread: Some(thread) })
    }
}

impl Drop for DeviceWatch {
    fn drop(&mut self) {
        let _ = self.messages.send(Message::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Connects to the system if need be, and lists its devices.
fn list(
    system: &mut Option<(Box<dyn System>, bool)>,
    connect: &mut ConnectSystem,
    own: &SyncSender<Message>,
) -> Listed {
    if system.is_none() {
        let mut found = connect()?;
        let own = own.clone();
        let tells = found.watch(Box::new(move || {
            // A full queue holds a reason to list devices already.
            let _ = own.try_send(Message::Changed);
        }));
        *system = Some((found, tells));
    }
    let listed = match system {
        Some((system, _)) => system.devices().map(|list| (system.name().to_owned(), list)),
        None => Err(DeviceError::NoSystem("it has gone".to_owned())),
    };
    if listed.is_err() {
        *system = None;
    }
    listed
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, time::Duration};

    use super::*;
    use crate::{
        DeviceId, DeviceInfo,
        device::virtual_system::{VirtualConfig, VirtualSystem},
    };

    const PATIENCE: Duration = Duration::from_secs(20);

    fn microphone(name: &str) -> DeviceInfo {
        DeviceInfo { id: DeviceId(name.into()), name: name.into(), is_default: false }
    }

    #[test]
    fn a_device_that_comes_is_told_without_any_sound() {
        let system = VirtualSystem::new(VirtualConfig::default());
        let control = system.control();
        let mut system = Some(system);
        let connect: ConnectSystem = Box::new(move || match system.take() {
            Some(system) => Ok(Box::new(system)),
            None => Err(DeviceError::NoSystem("asked twice".into())),
        });
        let (tell, told) = channel();
        let watch = DeviceWatch::start(connect, move |listed| tell.send(listed).unwrap()).unwrap();
        let (name, mut list) = told.recv_timeout(PATIENCE).unwrap().unwrap();
        assert!(!name.is_empty());
        list.inputs.push(microphone("headset"));
        control.set_devices(list.clone());
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Ok((name, list)));
        drop(watch);
        assert!(told.recv().is_err(), "nothing is told after the end");
    }

    #[test]
    fn a_system_that_is_not_there_is_looked_for_again() {
        let mut tries = 0;
        let connect: ConnectSystem = Box::new(move || {
            tries += 1;
            match tries {
                1 => Err(DeviceError::NoSystem("not yet".into())),
                _ => Ok(Box::new(VirtualSystem::new(VirtualConfig::default()))),
            }
        });
        let (tell, told) = channel();
        let _watch = DeviceWatch::start(connect, move |listed| tell.send(listed).unwrap()).unwrap();
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Err(DeviceError::NoSystem("not yet".into())));
        assert!(told.recv_timeout(PATIENCE).unwrap().is_ok());
    }
}
