//! Memory and descriptors of this process, as Linux says them; nothing where it does not.

use std::fs;

use super::Exposition;

/// What this process takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory, in bytes.
    pub resident_bytes: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// Most descriptors that it may open.
    pub most_descriptors: Option<u64>,
}

impl Usage {
    /// What it takes now.
    pub fn now() -> Self {
        let word = |path: &str, line: &str, place: usize| {
            let text = fs::read_to_string(path).ok()?;
            let rest = text.lines().find_map(|found| found.strip_prefix(line))?;
            rest.split_whitespace().nth(place)?.parse::<u64>().ok()
        };
        Self {
            resident_bytes: word("/proc/self/status", "VmRSS:", 0).map(|kib| kib * 1024),
            descriptors: fs::read_dir("/proc/self/fd").ok().map(|open| open.count() as u64),
            most_descriptors: word("/proc/self/limits", "Max open files", 0),
        }
    }

    /// Under the names that Prometheus' own libraries use.
    pub fn expose(&self, text: &mut Exposition) {
        let numbers = [
            ("process_resident_memory_bytes", "Memory of this process.", self.resident_bytes),
            ("process_open_fds", "Open descriptors of this process.", self.descriptors),
            ("process_max_fds", "Most descriptors that it may open.", self.most_descriptors),
        ];
        for (name, help, number) in numbers {
            if let Some(number) = number {
                text.gauge(name, help, number as f64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_descriptors_below_its_limit() {
        let Usage { resident_bytes, descriptors, most_descriptors } = Usage::now();
        assert!(resident_bytes.unwrap() > 100_000);
        assert!((3..=most_descriptors.unwrap()).contains(&descriptors.unwrap()));
    }
}
