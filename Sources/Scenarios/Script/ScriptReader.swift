// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Resilience

/// Reads values from a script's tree and collects what is wrong with them.
///
/// A reading function that gives nil has reported why. A class, because all sections of one script report to one list; used by
/// one thread.
final class ScriptReader {
    private(set) var faults: [ScenarioFault]

    init(faults: [ScenarioFault] = []) { self.faults = faults }

    func report(_ position: ScriptPosition, _ message: String) {
        faults.append(ScenarioFault(position: position, message: message))
    }

    // MARK: - Values

    /// A scalar as text, also when it looks like a number.
    func text(_ node: ScriptNode, _ name: String) -> String? {
        guard let text = node.text else {
            report(node.position, "\(name.quoted) is a text, not \(node.kind)")
            return nil
        }
        return text
    }

    func duration(_ node: ScriptNode, _ name: String, allowZero: Bool = true) -> Duration? {
        guard let text = node.text else {
            report(node.position, "\(name.quoted) is a duration like 250ms or 1m30s, not \(node.kind)")
            return nil
        }
        do {
            let duration = try DurationText.parse(text)
            if duration == .zero, !allowZero {
                report(node.position, "\(name.quoted) must be longer than 0")
                return nil
            }
            return duration
        } catch {
            report(node.position, "\(text.quoted) is not a duration: \(error)")
            return nil
        }
    }

    func rate(_ node: ScriptNode, _ name: String, allowZero: Bool = false) -> Double? {
        guard let text = node.text else {
            report(node.position, "\(name.quoted) is a rate like 300/s or 18000/m, not \(node.kind)")
            return nil
        }
        do {
            let rate = try RateText.parse(text)
            if rate == 0, !allowZero {
                report(node.position, "\(name.quoted) must be higher than 0")
                return nil
            }
            return rate
        } catch {
            report(node.position, "\(text.quoted) is not a rate: \(error)")
            return nil
        }
    }

    func integer(_ node: ScriptNode, _ name: String, in range: ClosedRange<Int>) -> Int? {
        if case .scalar(let text, let plain) = node.value,
            case .integer(let value) = ScriptNode.meaning(text, plain: plain)
        {
            if range.contains(value) { return value }
        }
        report(
            node.position,
            "\(name.quoted) is a whole number between \(range.lowerBound) and \(range.upperBound), not \(node.kind)")
        return nil
    }

    func number(_ node: ScriptNode, _ name: String, in range: ClosedRange<Double>) -> Double? {
        if case .scalar(let text, let plain) = node.value {
            switch ScriptNode.meaning(text, plain: plain) {
            case .integer(let value) where range.contains(Double(value)): return Double(value)
            case .number(let value) where range.contains(value): return value
            default: break
            }
        }
        let bounds = "between \(Self.short(range.lowerBound)) and \(Self.short(range.upperBound))"
        report(node.position, "\(name.quoted) is a number \(bounds), not \(node.kind)")
        return nil
    }

    /// `0.1` or `10%`, between 0 and 1.
    func ratio(_ node: ScriptNode, _ name: String) -> Double? {
        if let text = node.text, let value = Self.ratio(text) { return value }
        report(node.position, "\(name.quoted) is a share like 0.1 or 10%, between 0 and 1, not \(node.kind)")
        return nil
    }

    func bool(_ node: ScriptNode, _ name: String) -> Bool? {
        if case .scalar(let text, let plain) = node.value,
            case .bool(let value) = ScriptNode.meaning(text, plain: plain)
        {
            return value
        }
        report(node.position, "\(name.quoted) is true or false, not \(node.kind)")
        return nil
    }

    /// One of some words.
    func word(_ node: ScriptNode, _ name: String, _ allowed: [String]) -> String? {
        guard let text = node.text else {
            report(node.position, "\(name.quoted) is one of \(allowed.joined(separator: ", ")), not \(node.kind)")
            return nil
        }
        guard allowed.contains(text) else {
            report(
                node.position,
                "\(text.quoted) is not a value of \(name.quoted)\(NearestName.advice(for: text, among: allowed))")
            return nil
        }
        return text
    }

    /// A name out of those that the script or the system defines.
    func reference(_ text: String, _ what: String, among names: [String], at position: ScriptPosition) -> Bool {
        if names.contains(text) { return true }
        report(
            position, "there is no \(what) \(text.quoted)\(NearestName.advice(for: text, among: names, "known"))")
        return false
    }

    /// A name that becomes part of files and tables: letters, digits, `-`, `_` and `.`, starting with a letter or digit.
    func name(_ text: String, _ what: String, at position: ScriptPosition) -> Bool {
        let fits =
            text.utf8.count <= 64 && text.utf8.first.map(Self.isAlphanumeric) == true
            && text.utf8.allSatisfy { Self.isAlphanumeric($0) || "-_.".utf8.contains($0) }
        if !fits {
            report(
                position,
                "\(text.quoted) can't name a \(what): names have up to 64 letters, digits, '-', '_' and '.', first a letter or digit"
            )
        }
        return fits
    }

    // MARK: - Texts

    static func ratio(_ text: String) -> Double? {
        let percent = text.hasSuffix("%")
        let value: Double
        switch ScriptNode.meaning(percent ? String(text.dropLast()) : text, plain: true) {
        case .integer(let number): value = Double(number)
        case .number(let number): value = number
        default: return nil
        }
        let ratio = percent ? value / 100 : value
        return (0...1).contains(ratio) ? ratio : nil
    }

    private static func short(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
}
