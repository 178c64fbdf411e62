//! From a name to a program.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The program that a name means: a path as it is, and a bare name as it is found in the folders of PATH. Never in the
/// current folder, where on Windows anything may lie.
#[must_use]
pub fn find(program: impl AsRef<Path>) -> Option<PathBuf> {
    find_in(program.as_ref(), env::var_os("PATH").as_deref())
}

/// The same with another PATH.
pub(crate) fn find_in(program: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    if program.components().count() != 1 || program.is_absolute() {
        return whole(program);
    }
    let folders = env::split_paths(path?);
    folders.filter(|folder| folder.is_absolute()).find_map(|folder| whole(&folder.join(program)))
}

/// The file, with the ending that programs have.
fn whole(path: &Path) -> Option<PathBuf> {
    let with_ending = || {
        let mut name = path.as_os_str().to_owned();
        name.push(env::consts::EXE_SUFFIX);
        PathBuf::from(name)
    };
    if path.is_file() {
        return Some(path.to_owned());
    }
    Some(with_ending()).filter(|path| !env::consts::EXE_SUFFIX.is_empty() && path.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_bare_name_is_found_in_the_folders_of_path() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(format!("tool{}", env::consts::EXE_SUFFIX));
        fs::write(&program, "").unwrap();
        let path = env::join_paths([Path::new("not-absolute"), folder.path()]).unwrap();
        assert_eq!(find_in(Path::new("tool"), Some(&path)), Some(program.clone()));
        assert_eq!(find_in(&program, None), Some(program), "a path needs no PATH");
        assert_eq!(find_in(Path::new("another"), Some(&path)), None);
        assert_eq!(find_in(Path::new(""), Some(&path)), None, "a folder is no program");
    }
}
