//! Codes of operators and of what compilers generate, and how they are spelled.

/// After `?`.
pub(super) const fn plain(code: u8) -> Option<&'static str> {
    Some(match code {
        b'2' => "operator new",
        b'3' => "operator delete",
        b'4' => "operator=",
        b'5' => "operator>>",
        b'6' => "operator<<",
        b'7' => "operator!",
        b'8' => "operator==",
        b'9' => "operator!=",
        b'A' => "operator[]",
        b'C' => "operator->",
        b'D' => "operator*",
        b'E' => "operator++",
        b'F' => "operator--",
        b'G' => "operator-",
        b'H' => "operator+",
        b'I' => "operator&",
        b'J' => "operator->*",
        b'K' => "operator/",
        b'L' => "operator%",
        b'M' => "operator<",
        b'N' => "operator<=",
        b'O' => "operator>",
        b'P' => "operator>=",
        b'Q' => "operator,",
        b'R' => "operator()",
        b'S' => "operator~",
        b'T' => "operator^",
        b'U' => "operator|",
        b'V' => "operator&&",
        b'W' => "operator||",
        b'X' => "operator*=",
        b'Y' => "operator+=",
        b'Z' => "operator-=",
        _ => return None,
    })
}

/// After `?_`.
pub(super) const fn special(code: u8) -> Option<&'static str> {
    Some(match code {
        b'0' => "operator/=",
        b'1' => "operator%=",
        b'2' => "operator>>=",
        b'3' => "operator<<=",
        b'4' => "operator&=",
        b'5' => "operator|=",
        b'6' => "operator^=",
        b'7' => "`vftable'",
        b'8' => "`vbtable'",
        b'9' => "`vcall'",
        b'B' => "`local static guard'",
        b'D' => "`vbase dtor'",
        b'E' => "`vector deleting dtor'",
        b'F' => "`default ctor closure'",
        b'G' => "`scalar deleting dtor'",
        b'H' => "`vector ctor iterator'",
        b'I' => "`vector dtor iterator'",
        b'J' => "`vector vbase ctor iterator'",
        b'K' => "`virtual displacement map'",
        b'L' => "`eh vector ctor iterator'",
        b'M' => "`eh vector dtor iterator'",
        b'N' => "`eh vector vbase ctor iterator'",
        b'O' => "`copy ctor closure'",
        b'S' => "`local vftable'",
        b'T' => "`local vftable ctor closure'",
        b'U' => "operator new[]",
        b'V' => "operator delete[]",
        b'X' => "`placement delete closure'",
        b'Y' => "`placement delete[] closure'",
        _ => return None,
    })
}

/// Descriptors of a class after `?_R`.
pub(super) const fn rtti(code: u8) -> Option<&'static str> {
    Some(match code {
        b'2' => "`RTTI Base Class Array'",
        b'3' => "`RTTI Class Hierarchy Descriptor'",
        b'4' => "`RTTI Complete Object Locator'",
        _ => return None,
    })
}

/// Calling conventions; some letters have one that is spelled with nothing.
pub(super) const fn convention(code: u8) -> Option<&'static str> {
    Some(match code {
        b'A' | b'B' => "__cdecl",
        b'C' | b'D' => "__pascal",
        b'E' | b'F' => "__thiscall",
        b'G' | b'H' => "__stdcall",
        b'I' | b'J' => "__fastcall",
        b'M' | b'N' => "__clrcall",
        b'O' | b'P' => "__eabi",
        b'Q' => "__vectorcall",
        b'S' => "__attribute__((__swiftcall__))",
        b'W' => "__attribute__((__swiftasynccall__))",
        b'K' | b'L' | b'R' | b'T' | b'U' | b'V' | b'X' | b'Y' | b'Z' => "",
        _ => return None,
    })
}

/// Built-in types of one letter.
pub(super) const fn basic_type(code: u8) -> Option<&'static str> {
    Some(match code {
        b'X' => "void",
        b'D' => "char",
        b'C' => "signed char",
        b'E' => "unsigned char",
        b'F' => "short",
        b'G' => "unsigned short",
        b'H' => "int",
        b'I' => "unsigned int",
        b'J' => "long",
        b'K' => "unsigned long",
        b'M' => "float",
        b'N' => "double",
        b'O' => "long double",
        _ => return None,
    })
}

/// Built-in types after `_`.
pub(super) const fn extended_type(code: u8) -> Option<&'static str> {
    Some(match code {
        b'J' => "__int64",
        b'K' => "unsigned __int64",
        b'L' => "__int128",
        b'M' => "unsigned __int128",
        b'N' => "bool",
        b'P' => "auto",
        b'Q' => "char8_t",
        b'S' => "char16_t",
        b'T' => "decltype(auto)",
        b'U' => "char32_t",
        b'W' => "wchar_t",
        _ => return None,
    })
}
