//! The pickle inside of a file by `torch.save`, read as data.
//!
//! A pickle is a program for a stack machine that can call any function of Python. This one knows the instructions
//! that `torch.save` writes for a dictionary of tensors (pickle protocol 2, `torch/serialization.py` and
//! `torch/_tensor.py`), and of functions the two that appear there, which it does not call but understands. Whatever
//! else a file asks for is refused by its name.
//!
//! Values are small and are copied: text is a part of the file, and what has parts lies in a list of its own, so that
//! no file makes more memory than a few times its own length, and nothing is walked through in depth.

use std::collections::HashMap;

/// Longest pickle that is read. That of a voice has 300 bytes.
const LONGEST: usize = 64 << 10;

/// Longest name of a function or class.
const LONGEST_NAME: usize = 200;

/// What the numbers of a storage are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F16,
    BF16,
    I64,
    I32,
}

impl Kind {
    /// Bytes of one number.
    pub(super) fn size(self) -> usize {
        match self {
            Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }
}

/// A tensor as the pickle describes it. Nothing of it is checked against anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description<'a> {
    pub(super) kind: Kind,
    /// Name of the file with its numbers.
    pub(super) storage: &'a str,
    /// Numbers that the storage says to have.
    pub(super) numbers: usize,
    /// Where the tensor begins in it.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Reads the dictionary of tensors that a pickle makes; other entries are left out. Fails with a reason in words.
pub(super) fn tensors(pickle: &[u8]) -> Result<Vec<(&str, Description<'_>)>, String> {
    if pickle.len() > LONGEST {
        return Err(format!("its pickle has {} bytes", pickle.len()));
    }
    let mut machine = Machine { rest: pickle, ..Machine::default() };
    let made = loop {
        if let Some(made) = machine.step()? {
            break made;
        }
    };
    let Value::Dictionary(made) = made else { return Err("its pickle makes no dictionary".into()) };
    let entries = machine.dictionaries.get(made).ok_or(BROKEN)?;
    let tensors = entries.iter().filter_map(|&(key, value)| match (key, value) {
        (Value::Text(key), Value::Tensor(tensor)) => Some((key, machine.tensors.get(tensor)?.clone())),
        _ => None,
    });
    Ok(tensors.collect())
}

const BROKEN: &str = "its pickle makes no sense";

/// What can lie on the stack. Numbers are places in the machine's lists.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    None,
    Bool,
    Number(i64),
    Text(&'a str),
    Tuple(usize),
    Dictionary(usize),
    Tensor(usize),
    Storage(usize),
    StorageClass(Kind),
    RebuildTensor,
    OrderedDict,
}

#[derive(Debug, Clone, Copy)]
struct Storage<'a> {
    kind: Kind,
    name: &'a str,
    numbers: usize,
}

#[derive(Default)]
struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Value<'a>>,
    /// Heights of the stack that were marked.
    marks: Vec<usize>,
    memo: HashMap<usize, Value<'a>>,
    tuples: Vec<Vec<Value<'a>>>,
    dictionaries: Vec<Vec<(Value<'a>, Value<'a>)>>,
    storages: Vec<Storage<'a>>,
    tensors: Vec<Description<'a>>,
}

impl<'a> Machine<'a> {
    /// Follows one instruction; returns what was made at the last.
    fn step(&mut self) -> Result<Option<Value<'a>>, String> {
        let [instruction] = *self.array()?;
        match instruction {
            // PROTO
            0x80 => {
                let [version] = *self.array()?;
                if version != 2 {
                    return Err(format!("its pickle has protocol {version}, where PyTorch writes 2"));
                }
            }
            // STOP
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            // BINPUT, LONG_BINPUT: the memo
            b'q' => {
                let [at] = *self.array()?;
                self.remember(at.into())?;
            }
            b'r' => {
                let at = self.length()?;
                self.remember(at)?;
            }
            // BINGET, LONG_BINGET
            b'h' => {
                let [at] = *self.array()?;
                self.recall(at.into())?;
            }
            b'j' => {
                let at = self.length()?;
                self.recall(at)?;
            }
            // GLOBAL: a function or a class
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.stack.push(global(module, name)?);
            }
            // BINUNICODE
            b'X' => {
                let length = self.length()?;
                let text = std::str::from_utf8(self.take(length)?).map_err(|_| BROKEN)?;
                self.stack.push(Value::Text(text));
            }
            // BININT1, BININT2, BININT, LONG1
            b'K' => {
                let [number] = *self.array()?;
                self.stack.push(Value::Number(number.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(*self.array()?);
                self.stack.push(Value::Number(number.into()));
            }
            b'J' => {
                let number = i32::from_le_bytes(*self.array()?);
                self.stack.push(Value::Number(number.into()));
            }
            0x8a => {
                let number = self.long()?;
                self.stack.push(Value::Number(number));
            }
            b'N' => self.stack.push(Value::None),
            // NEWTRUE, NEWFALSE: whether a tensor is trained, which does not matter
            0x88 | 0x89 => self.stack.push(Value::Bool),
            // EMPTY_TUPLE, TUPLE1 to TUPLE3, TUPLE
            b')' => self.tuple(self.stack.len())?,
            0x85..=0x87 => {
                let parts = usize::from(instruction - 0x84);
                let from = self.stack.len().checked_sub(parts).ok_or(BROKEN)?;
                self.tuple(from)?;
            }
            b't' => {
                let from = self.marks.pop().ok_or(BROKEN)?;
                self.tuple(from)?;
            }
            // EMPTY_DICT, SETITEM, SETITEMS
            b'}' => self.dictionary(),
            b's' => {
                let from = self.stack.len().checked_sub(2).ok_or(BROKEN)?;
                self.set_items(from)?;
            }
            b'u' => {
                let from = self.marks.pop().ok_or(BROKEN)?;
                self.set_items(from)?;
            }
            // BINPERSID: a storage
            b'Q' => self.storage()?,
            // REDUCE: a call
            b'R' => self.call()?,
            other => {
                return Err(format!("its pickle has the instruction {other:#04x}, which no voice needs"));
            }
        }
        Ok(None)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or("its pickle is cut off")?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], String> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or("its pickle is cut off")?;
        self.rest = rest;
        Ok(taken)
    }

    /// A length, or a place in the memo, of four bytes.
    fn length(&mut self) -> Result<usize, String> {
        Ok(usize::try_from(u32::from_le_bytes(*self.array()?)).map_err(|_| BROKEN)?)
    }

    /// A whole number of up to eight bytes, the highest bit of which is its sign.
    fn long(&mut self) -> Result<i64, String> {
        let [length] = *self.array()?;
        let bytes = self.take(length.into())?;
        let mut number = [if bytes.last().is_some_and(|&last| last >= 0x80) { 0xff } else { 0 }; 8];
        number.get_mut(..bytes.len()).ok_or(BROKEN)?.copy_from_slice(bytes);
        Ok(i64::from_le_bytes(number))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let end = self.rest.iter().take(LONGEST_NAME).position(|&byte| byte == b'\n').ok_or(BROKEN)?;
        let line = std::str::from_utf8(self.take(end)?).map_err(|_| BROKEN)?;
        self.take(1)?;
        Ok(line)
    }

    /// The lowest place of the stack that may be taken: nothing goes through a mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        if self.stack.len() <= self.floor() {
            return Err(BROKEN.into());
        }
        Ok(self.stack.pop().ok_or(BROKEN)?)
    }

    fn remember(&mut self, at: usize) -> Result<(), String> {
        let last = *self.stack.last().ok_or(BROKEN)?;
        self.memo.insert(at, last);
        Ok(())
    }

    fn recall(&mut self, at: usize) -> Result<(), String> {
        self.stack.push(*self.memo.get(&at).ok_or(BROKEN)?);
        Ok(())
    }

    /// Takes all that lies on the stack from a place on.
    fn split(&mut self, from: usize) -> Result<Vec<Value<'a>>, String> {
        if from > self.stack.len() || from < self.floor() {
            return Err(BROKEN.into());
        }
        Ok(self.stack.split_off(from))
    }

    fn tuple(&mut self, from: usize) -> Result<(), String> {
        let parts = self.split(from)?;
        self.stack.push(Value::Tuple(self.tuples.len()));
        self.tuples.push(parts);
        Ok(())
    }

    fn dictionary(&mut self) {
        self.stack.push(Value::Dictionary(self.dictionaries.len()));
        self.dictionaries.push(Vec::new());
    }

    fn set_items(&mut self, from: usize) -> Result<(), String> {
        let items = self.split(from)?;
        let Some(Value::Dictionary(dictionary)) = self.stack.last() else { return Err(BROKEN.into()) };
        let (pairs, []) = items.as_chunks::<2>() else { return Err(BROKEN.into()) };
        let entries = self.dictionaries.get_mut(*dictionary).ok_or(BROKEN)?;
        entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn pop_tuple(&mut self) -> Result<&[Value<'a>], String> {
        let Value::Tuple(at) = self.pop()? else { return Err(BROKEN.into()) };
        Ok(self.tuples.get(at).ok_or(BROKEN)?)
    }

    fn storage(&mut self) -> Result<(), String> {
        let storage = match *self.pop_tuple()? {
            [
                Value::Text("storage"),
                Value::StorageClass(kind),
                Value::Text(name),
                Value::Text(_),
                numbers,
            ] => Storage { kind, name, numbers: length(numbers)? },
            _ => return Err("its pickle refers to something that is no storage".into()),
        };
        self.stack.push(Value::Storage(self.storages.len()));
        self.storages.push(storage);
        Ok(())
    }

    fn call(&mut self) -> Result<(), String> {
        let Value::Tuple(arguments) = self.pop()? else { return Err(BROKEN.into()) };
        let function = self.pop()?;
        let arguments = self.tuples.get(arguments).ok_or(BROKEN)?;
        match (function, arguments.as_slice()) {
            (Value::OrderedDict, []) => self.dictionary(),
            (
                Value::RebuildTensor,
                &[
                    Value::Storage(storage),
                    offset,
                    Value::Tuple(shape),
                    Value::Tuple(strides),
                    Value::Bool,
                    Value::Dictionary(_) | Value::None,
                ],
            ) => {
                let storage = *self.storages.get(storage).ok_or(BROKEN)?;
                let lengths = |tuple: usize| {
                    let parts = self.tuples.get(tuple).ok_or(BROKEN)?;
                    parts.iter().map(|&part| length(part)).collect::<Result<Vec<_>, String>>()
                };
                let tensor = Description {
                    kind: storage.kind,
                    storage: storage.name,
                    numbers: storage.numbers,
                    offset: length(offset)?,
                    shape: lengths(shape)?,
                    strides: lengths(strides)?,
                };
                self.stack.push(Value::Tensor(self.tensors.len()));
                self.tensors.push(tensor);
            }
            _ => return Err("its pickle calls something in a way that no voice needs".into()),
        }
        Ok(())
    }
}

fn length(value: Value<'_>) -> Result<usize, String> {
    match value {
        Value::Number(number) => usize::try_from(number).map_err(|_| BROKEN.into()),
        _ => Err(BROKEN.into()),
    }
}

/// What a name stands for. Nothing is looked up anywhere.
fn global<'a>(module: &str, name: &str) -> Result<Value<'a>, String> {
    let kind = match (module, name) {
        ("torch._utils", "_rebuild_tensor_v2") => return Ok(Value::RebuildTensor),
        ("collections", "OrderedDict") => return Ok(Value::OrderedDict),
        ("torch" | "torch.storage", "FloatStorage") => Kind::F32,
        ("torch" | "torch.storage", "HalfStorage") => Kind::F16,
        ("torch" | "torch.storage", "BFloat16Storage") => Kind::BF16,
        ("torch" | "torch.storage", "LongStorage") => Kind::I64,
        ("torch" | "torch.storage", "IntStorage") => Kind::I32,
        _ => {
            let shown: String =
                format!("{module}.{name}").chars().filter(|c| !c.is_control()).take(80).collect();
            return Err(format!("it asks for {shown}, which no voice needs, and nothing of it was run"));
        }
    };
    Ok(Value::StorageClass(kind))
}
