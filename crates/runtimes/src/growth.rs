//! How much is in a folder, to see a download where nothing else tells of it.

use std::{fs, path::Path};

/// The bytes of all files in the folder, not of those in folders below it. Hugging Face keeps each download in one file of
/// one folder, also while it is incomplete.
pub(crate) fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let files = entries.filter_map(Result::ok).filter_map(|entry| entry.metadata().ok());
    files.filter(fs::Metadata::is_file).map(|file| file.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_grows_with_its_files_and_one_that_is_not_there_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(size(&folder.path().join("blobs")), 0);
        fs::write(folder.path().join("a.incomplete"), [0; 1000]).unwrap();
        fs::write(folder.path().join("b"), [0; 24]).unwrap();
        fs::create_dir(folder.path().join("c")).unwrap();
        assert_eq!(size(folder.path()), 1024);
    }
}
