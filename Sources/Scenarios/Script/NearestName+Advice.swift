// SPDX-License-Identifier: Apache-2.0

internal import Resilience

extension NearestName {
    /// The end of a message about an unknown name: `; did you mean 'x'? (allowed: x, y)`.
    static func advice(for text: String, among candidates: [String], _ label: String = "allowed") -> String {
        let hint = find(text, in: candidates).map { "; did you mean \($0.quoted)?" } ?? ""
        let list = candidates.prefix(24).joined(separator: ", ") + (candidates.count > 24 ? ", …" : "")
        return "\(hint) (\(label): \(list))"
    }
}
