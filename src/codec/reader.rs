//! Reads fields from the front of a row body, and never past its end.

use super::error::DecodeError;
use crate::types::{ActorId, PageNumber, PageSize, Token, Txid};

/// The unread rest of a body.
pub struct Reader<'b> {
    row: &'static str,
    version: u8,
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(super) fn new(row: &'static str, (version, body): (u8, &'b [u8])) -> Self {
        Self { row, version, rest: body }
    }

    /// The row's format version.
    pub(super) fn version(&self) -> u8 {
        self.version
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DecodeError::TooShort { row: self.row, bytes: self.rest.len() });
        };
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn txid(&mut self) -> Result<Txid, DecodeError> {
        self.u64().map(Txid)
    }

    /// A text, behind its length in two bytes.
    pub(super) fn text(&mut self) -> Result<&'b str, DecodeError> {
        let bytes = usize::from(self.u16()?);
        let Some((text, rest)) = self.rest.split_at_checked(bytes) else {
            return Err(DecodeError::TooShort { row: self.row, bytes: self.rest.len() });
        };
        self.rest = rest;
        std::str::from_utf8(text).map_err(|error| self.field(format!("text: {error}")))
    }

    /// An actor id, or `None` for an empty one.
    pub(super) fn actor(&mut self) -> Result<Option<ActorId>, DecodeError> {
        match self.text()? {
            "" => Ok(None),
            id => ActorId::new(id).map(Some).map_err(|error| self.field(error.to_string())),
        }
    }

    pub(super) fn token(&mut self) -> Result<Token, DecodeError> {
        self.take().map(Token)
    }

    pub(super) fn page_number(&mut self) -> Result<PageNumber, DecodeError> {
        let number = self.u32()?;
        PageNumber::new(number).ok_or_else(|| self.field("page number 0".to_owned()))
    }

    pub(super) fn page_size(&mut self) -> Result<PageSize, DecodeError> {
        let log2 = self.u8()?;
        PageSize::from_log2(log2).ok_or_else(|| self.field(format!("page size 2^{log2}")))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All remaining bytes.
    pub(super) fn rest(&mut self) -> &'b [u8] {
        std::mem::take(&mut self.rest)
    }

    /// An error about a field of this row.
    pub(super) fn field(&self, detail: String) -> DecodeError {
        DecodeError::Field { row: self.row, detail }
    }

    pub(super) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.field(format!("{} bytes too many", self.rest.len())))
        }
    }
}

/// Appends a text of at most 65,535 bytes, behind its length.
pub(super) fn write_text(text: &str, body: &mut Vec<u8>) {
    let bytes = u16::try_from(text.len()).expect("ids and names are short");
    body.extend(bytes.to_be_bytes());
    body.extend(text.as_bytes());
}
