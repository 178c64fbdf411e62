//! Who waits for the end of a test or of the doctor, to be told what was found.

use std::collections::HashMap;

use crate::{
    view::{Doctor, DoctorPhase, HostCheck},
    wish::Answer,
};

/// Whoever does not wait any more has dropped the other end.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) for_checks: HashMap<String, Vec<Answer<String>>>,
    pub(crate) for_doctor: Vec<Answer<String>>,
}

impl Waiting {
    pub(crate) fn tell_checked(&mut self, id: &str, check: &HostCheck) {
        let next = check.problem.as_ref().map(|problem| format!(" {}", problem.next)).unwrap_or_default();
        for answer in self.for_checks.remove(id).unwrap_or_default() {
            let _ = answer.send(format!("{}{next}", check.found));
        }
    }

    pub(crate) fn tell_diagnosed(&mut self, doctor: &Doctor) {
        let found = match (doctor.phase, &doctor.problem) {
            (DoctorPhase::Done, _) => doctor.summary.clone(),
            (DoctorPhase::Failed, Some(problem)) => format!("{} {}", problem.what, problem.next),
            _ => return,
        };
        for answer in self.for_doctor.drain(..) {
            let _ = answer.send(found.clone());
        }
    }
}
