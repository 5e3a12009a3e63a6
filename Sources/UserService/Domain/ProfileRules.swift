// SPDX-License-Identifier: Apache-2.0

internal import ServiceKit

/// What names, passwords and profiles may look like. Every rule returns the faults it finds, so that all are told at once.
enum ProfileRules {
    static func faults(username: String) -> [Problem.Fault] {
        let isPlain = username.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard (3...32).contains(username.utf8.count), isPlain else {
            return [
                .init(
                    pointer: "/username",
                    detail: "A username has 3 to 32 of the characters a-z, A-Z, 0-9, '.', '_' and '-'.")
            ]
        }
        return []
    }

    /// Long enough to be no gift, short enough not to make hashing a burden (NIST SP 800-63B, 5.1.1.2: at least 8, 64 allowed).
    static func faults(password: String) -> [Problem.Fault] {
        guard (8...128).contains(password.unicodeScalars.count), password.utf8.count <= 512 else {
            return [.init(pointer: "/password", detail: "A password has 8 to 128 characters.")]
        }
        return []
    }

    static func faults(displayName: String) -> [Problem.Fault] {
        guard (1...64).contains(displayName.unicodeScalars.count), isPrintable(displayName) else {
            return [
                .init(
                    pointer: "/displayName", detail: "A display name has 1 to 64 characters and no control characters.")
            ]
        }
        return []
    }

    static func faults(bio: String) -> [Problem.Fault] {
        guard bio.unicodeScalars.count <= 500 else {
            return [.init(pointer: "/bio", detail: "A bio has at most 500 characters.")]
        }
        return []
    }

    private static func isPrintable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }
}
