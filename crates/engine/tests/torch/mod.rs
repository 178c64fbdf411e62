//! What `torch.save` writes, byte by byte, and what it never would.

/// A pickle of protocol 2.
#[derive(Clone)]
pub(crate) struct Pickle(Vec<u8>);

impl Pickle {
    pub(crate) fn new() -> Self {
        Self(vec![0x80, 2])
    }

    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn op(&mut self, op: u8) -> &mut Self {
        self.0.push(op);
        self
    }

    /// GLOBAL.
    pub(crate) fn global(&mut self, module: &str, name: &str) -> &mut Self {
        self.0.extend(format!("c{module}\n{name}\n").into_bytes());
        self
    }

    /// BINUNICODE.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push(b'X');
        self.0.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        self.0.extend(text.as_bytes());
        self
    }

    /// BININT.
    pub(crate) fn number(&mut self, number: i32) -> &mut Self {
        self.0.push(b'J');
        self.0.extend(number.to_le_bytes());
        self
    }

    fn tuple(&mut self, numbers: &[i32]) -> &mut Self {
        self.op(b'(');
        for &number in numbers {
            self.number(number);
        }
        self.op(b't')
    }

    fn tensor(
        &mut self,
        class: &str,
        key: &str,
        of: (i32, i32),
        shape: &[i32],
        strides: &[i32],
    ) -> &mut Self {
        let (numbers, offset) = of;
        self.global("torch._utils", "_rebuild_tensor_v2").op(b'(');
        self.op(b'(')
            .text("storage")
            .global("torch", class)
            .text(key)
            .text("cuda:0")
            .number(numbers)
            .op(b't');
        self.op(b'Q').number(offset).tuple(shape).tuple(strides).op(0x89);
        self.global("collections", "OrderedDict").op(b')').op(b'R').op(b't').op(b'R')
    }

    /// A voice of 26 frames for a model of width 32, its embeddings as given.
    pub(crate) fn voice_of(offset: i32, shape: &[i32], strides: &[i32], numbers: i32) -> Self {
        let mut pickle = Self::new();
        pickle.op(b'}').op(b'(').text("embeddings");
        pickle.tensor("FloatStorage", "0", (numbers, offset), shape, strides).text("cache");
        pickle.tensor("LongStorage", "1", (68, 0), &[1, 17, 4], &[68, 4, 1]).op(b'u').op(b'.');
        pickle
    }

    pub(crate) fn voice() -> Self {
        Self::voice_of(0, &[26, 1, 1, 32], &[32, 32, 32, 1], 832)
    }
}

/// A zip archive whose directory can say something else than what is there.
pub(crate) struct Zip {
    pub(crate) files: Vec<File>,
    /// Files that the directory says to have.
    pub(crate) count: Option<u16>,
    /// Where the directory says to be.
    pub(crate) directory: Option<u32>,
}

pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) checksum: u32,
    pub(crate) size_in_directory: Option<u32>,
    pub(crate) offset_in_directory: Option<u32>,
    data: Vec<u8>,
}

impl Zip {
    /// A voice: its pickle, and the numbers of its two tensors.
    pub(crate) fn torch(pickle: &Pickle, embeddings: &[u8], cache: &[u8]) -> Self {
        let mut zip = Self { files: Vec::new(), count: None, directory: None };
        zip.put("archive/data.pkl", pickle.bytes());
        zip.put("archive/data/0", embeddings);
        zip.put("archive/data/1", cache);
        zip.put("archive/version", b"3\n");
        zip
    }

    pub(crate) fn put(&mut self, name: &str, data: &[u8]) {
        self.files.push(File {
            name: name.into(),
            flags: 0x0808,
            method: 0,
            checksum: crc32fast::hash(data),
            size_in_directory: None,
            offset_in_directory: None,
            data: data.into(),
        });
    }

    pub(crate) fn replace(&mut self, name: &str, data: &[u8]) {
        let file = self.files.iter_mut().find(|file| file.name == name).unwrap();
        (file.checksum, file.data) = (crc32fast::hash(data), data.into());
    }

    /// Where the data of a file begins.
    pub(crate) fn offset_of(&self, name: &str) -> u32 {
        let before = self.files.iter().take_while(|file| file.name != name);
        let before: usize = before.map(|file| Self::local(&file.name, &file.data).len()).sum();
        u32::try_from(before + 30 + name.len()).unwrap()
    }

    /// A file with its header, and its sizes behind it, as PyTorch's writer does.
    pub(crate) fn local(name: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes.extend(data);
        bytes.extend(b"PK\x07\x08");
        bytes.extend(crc32fast::hash(data).to_le_bytes());
        for _ in 0..2 {
            bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        }
        bytes
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for file in &self.files {
            let at = u32::try_from(bytes.len()).unwrap();
            bytes.extend(Self::local(&file.name, &file.data));
            directory.extend(b"PK\x01\x02\0\0\0\0");
            directory.extend(file.flags.to_le_bytes());
            directory.extend(file.method.to_le_bytes());
            directory.extend([0; 4]);
            directory.extend(file.checksum.to_le_bytes());
            let size = file.size_in_directory.unwrap_or(u32::try_from(file.data.len()).unwrap());
            directory.extend(size.to_le_bytes());
            directory.extend(size.to_le_bytes());
            directory.extend(u16::try_from(file.name.len()).unwrap().to_le_bytes());
            directory.extend([0; 12]);
            directory.extend(file.offset_in_directory.unwrap_or(at).to_le_bytes());
            directory.extend(file.name.as_bytes());
        }
        let at = u32::try_from(bytes.len()).unwrap();
        let count = self.count.unwrap_or(u16::try_from(self.files.len()).unwrap());
        let size = u32::try_from(directory.len()).unwrap();
        bytes.extend(directory);
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend(count.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(self.directory.unwrap_or(at).to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }
}
