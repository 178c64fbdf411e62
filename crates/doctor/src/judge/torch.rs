//! Whether a PyTorch has code for a card.

use super::draft::Draft;
use crate::{Basis, ComputeCapability, Gpu, Step, Torch};

/// The first generation that PyTorch's packages have code for from CUDA 12.8 on, and not before: Blackwell.
const BLACKWELL: ComputeCapability = ComputeCapability::new(10, 0);

/// The first CUDA with code for Blackwell. Packages from here on leave out what is older than 7.0.
const CUDA_OF_BLACKWELL: (u32, u32) = (12, 8);

/// Where packages with it are.
const NEWER: &str = "pip install --upgrade torch --index-url https://download.pytorch.org/whl/cu128";

/// Where packages with code for old cards are.
const OLDER: &str = "pip install torch --index-url https://download.pytorch.org/whl/cu126";

/// Adds what stands between a PyTorch and a card. `whose` says where it is installed.
pub(super) fn suits(draft: &mut Draft, torch: &Torch, gpu: Option<&Gpu>, whose: &str) {
    let Some(cuda) = &torch.cuda else {
        return draft.stops(
            "torch.no-cuda",
            format!("torch {} {whose} is built for the processor alone.", torch.version),
            Step::with_line("Install a torch with CUDA.", NEWER),
        );
    };
    let Some(gpu) = gpu else { return };
    let Some(capability) = gpu.compute_capability else {
        return draft.notes(
            "gpu.capability-unknown",
            format!("Whether torch {} has code for the {} is not known.", torch.version, gpu.name),
            Basis::Read,
            None,
        );
    };
    let missing = match &torch.arch_list {
        Some(list) if covers(list, capability) => None,
        Some(list) => Some(format!("its list of architectures is {}", list.join(", "))),
        None => predicted(cuda, capability),
    };
    let Some(missing) = missing else {
        let says = format!("torch {} {whose} has code for {}.", torch.version, capability.sm());
        return draft.notes("torch.fits", says, Basis::Read, None);
    };
    let next = if capability >= BLACKWELL {
        Step::with_line("Install a torch that is built with CUDA 12.8 or newer.", NEWER)
    } else {
        Step::with_line(
            "Install a torch that is built with CUDA 12.6, which still has code for old cards.",
            OLDER,
        )
    };
    draft.will_fail(
        "torch.arch",
        format!(
            "torch {} {whose} has no code for the {} ({}): {missing}.",
            torch.version,
            gpu.name,
            capability.sm()
        ),
        next,
    );
}

/// Whether a list of architectures ("sm_86", "compute_90") covers a card. Code runs on later variants of its own
/// generation; "compute" is translated at start, for any later card.
fn covers(list: &[String], card: ComputeCapability) -> bool {
    list.iter().any(|entry| {
        let (exact, number) = match (entry.strip_prefix("sm_"), entry.strip_prefix("compute_")) {
            (Some(number), _) => (true, number),
            (_, Some(number)) => (false, number),
            _ => return false,
        };
        // A letter at the end ("sm_90a") means just this variant.
        let only_this = number.ends_with(|last: char| last.is_ascii_alphabetic());
        let digits = number.trim_end_matches(|last: char| last.is_ascii_alphabetic());
        let Some(built) = digits.parse::<u32>().ok().map(|n| ComputeCapability::new(n / 10, n % 10)) else {
            return false;
        };
        if only_this {
            built == card
        } else if exact {
            built.major == card.major && built.minor <= card.minor
        } else {
            built <= card
        }
    })
}

/// What PyTorch's own packages lack for a card, by the CUDA that they are built with.
fn predicted(cuda: &str, card: ComputeCapability) -> Option<String> {
    let mut numbers = cuda.split('.').map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next()?, numbers.next().unwrap_or(0));
    if card >= BLACKWELL && version < CUDA_OF_BLACKWELL {
        Some(format!("packages with CUDA {cuda} end at sm_90"))
    } else if card < ComputeCapability::new(7, 0) && version >= CUDA_OF_BLACKWELL {
        Some(format!("packages with CUDA {cuda} begin at sm_70"))
    } else if card < ComputeCapability::new(7, 5) && version >= (13, 0) {
        Some(format!("packages with CUDA {cuda} begin at sm_75"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[test]
    fn code_runs_on_later_variants_of_its_own_generation() {
        let wheel = list(&["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]);
        for (card, covered) in [
            ((8, 9), true),
            ((8, 6), true),
            ((6, 1), true),
            ((9, 0), true),
            ((12, 0), false),
            ((10, 0), false),
            ((3, 5), false),
        ] {
            let card = ComputeCapability::new(card.0, card.1);
            assert_eq!(covers(&wheel, card), covered, "{card}");
        }
    }

    #[test]
    fn what_is_translated_at_start_runs_on_every_later_card() {
        let card = ComputeCapability::new(12, 0);
        assert!(covers(&list(&["sm_80", "compute_90"]), card));
        assert!(!covers(&list(&["sm_90a", "sm_80"]), card), "just this variant");
        assert!(covers(&list(&["sm_120"]), card));
        assert!(!covers(&list(&["", "sm_", "sm_x", "gfx1100"]), card), "nothing of the kind");
    }

    #[test]
    fn a_package_is_known_by_its_cuda() {
        let (blackwell, pascal) = (ComputeCapability::new(12, 0), ComputeCapability::new(6, 1));
        assert!(predicted("12.4", blackwell).is_some());
        assert!(predicted("12.8", blackwell).is_none());
        assert!(predicted("13.0", blackwell).is_none());
        assert!(predicted("12.4", pascal).is_none());
        assert!(predicted("12.8", pascal).is_some());
        assert!(predicted("", blackwell).is_none(), "nothing is known of it");
    }
}
