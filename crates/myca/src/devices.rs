//! `myca devices`: what this machine hears and plays with.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this command is for")]

use std::process::ExitCode;

use audio::{DeviceInfo, device};
use conversation::Problem;

/// List microphones and loudspeakers.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let listed = device::native().and_then(|mut system| {
        let name = system.name().to_owned();
        system.devices().map(|devices| (name, devices))
    });
    let (name, devices) = match listed {
        Ok(listed) => listed,
        Err(error) => {
            let problem = Problem::device(&error);
            eprintln!("{} {}", problem.what, problem.next);
            return ExitCode::FAILURE;
        }
    };
    if args.json {
        let list = |devices: &[DeviceInfo]| -> Vec<_> {
            let entry =
                |d: &DeviceInfo| serde_json::json!({"id": d.id.0, "name": d.name, "default": d.is_default});
            devices.iter().map(entry).collect()
        };
        let json = serde_json::json!({
            "system": name, "inputs": list(&devices.inputs), "outputs": list(&devices.outputs),
        });
        println!("{json}");
        return ExitCode::SUCCESS;
    }
    println!("Sound system: {name}");
    for (title, list) in [("Microphones", &devices.inputs), ("Loudspeakers", &devices.outputs)] {
        println!("{title}:");
        if list.is_empty() {
            println!("  none");
        }
        for device in list {
            let mark = if device.is_default { " (default)" } else { "" };
            println!("  {}{mark}\n    {}", device.name, device.id);
        }
    }
    ExitCode::SUCCESS
}
