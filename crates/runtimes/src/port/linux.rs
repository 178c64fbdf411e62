//! Who listens at a port, from /proc: the kernel's tables have the number of each socket, and processes their sockets.

use std::{fs, path::Path};

/// The program that listens at the port, where it is one that this person may look at.
pub(super) fn listener(port: u16) -> Option<String> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: Vec<u64> =
        tables.iter().flat_map(|table| table.lines()).filter_map(|line| at(line, port)).collect();
    let names: Vec<String> = sockets.iter().map(|socket| format!("socket:[{socket}]")).collect();
    let process = fs::read_dir("/proc").ok()?.filter_map(Result::ok).find_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        let open = fs::read_dir(entry.path().join("fd")).ok()?;
        let mut links = open.filter_map(Result::ok).filter_map(|file| fs::read_link(file.path()).ok());
        links.any(|link| names.iter().any(|name| link == Path::new(name))).then_some((number, entry.path()))
    });
    let (number, folder) = process?;
    let name = fs::read_to_string(folder.join("comm")).ok()?;
    let name: String = name.trim().chars().filter(|sign| !sign.is_control()).collect();
    Some(format!("{name} (process {number})"))
}

/// The number of the socket that listens at the port, if the line of the table is about one.
fn at(line: &str, port: u16) -> Option<u64> {
    /// The kernel's number for a socket that listens.
    const LISTEN: &str = "0A";
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = fields.next()?;
    let (_, digits) = local.rsplit_once(':')?;
    let (_, state) = (fields.next()?, fields.next()?);
    let here = u16::from_str_radix(digits, 16).ok()? == port && state == LISTEN;
    // Queues, timer, retransmissions, owner, time-out; then the socket.
    if here { fields.nth(5)?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_tells_the_socket() {
        let listens = "   0: 0100007F:2326 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 48151 1 0000000000000000 100 0 0 10 0";
        assert_eq!(at(listens, 8998), Some(48151));
        assert_eq!(at(listens, 8999), None);
        assert_eq!(at(&listens.replace(" 0A ", " 01 "), 8998), None, "a connection");
        for other in ["", "  sl  local_address rem_address   st", "0: x", "0: 0:2326 0 0A"] {
            assert_eq!(at(other, 8998), None);
        }
    }
}
