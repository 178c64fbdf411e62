//! The window of the real app, on a display of the test's own.
#![cfg(target_os = "linux")]

mod common;

use common::display::Display;
use common::driver::Driver;
use common::program::app;
use common::pulse::Pulse;

#[test]
fn the_window_opens_and_waits_to_be_used() {
    let (pulse, display) = (Pulse::start(), Display::start());
    let home = tempfile::tempdir().expect("a folder");
    let driver = Driver::open(&display, &app(), &[], |command| {
        pulse.give_to(command);
        command.env("MYCA_HOME", home.path());
    });
    assert_eq!(driver.title(), "MYCA Voice");
    assert_eq!(driver.find_usable("[data-testid=talk]").text(), "Talk");
    driver.close();
}
