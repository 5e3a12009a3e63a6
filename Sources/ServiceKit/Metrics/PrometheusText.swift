// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// The words of Prometheus' text exposition format, version 0.0.4.
enum PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// A valid metric name: what is not allowed becomes `_`; `suffix` is added unless the name ends in it.
    static func name(_ label: String, suffix: String = "") -> String {
        var name = word(label, allowing: ":")
        if !suffix.isEmpty, !name.hasSuffix(suffix) { name += suffix }
        return name
    }

    /// A valid label name.
    static func labelName(_ label: String) -> String { word(label, allowing: "") }

    private static func word(_ text: String, allowing further: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            let isDigit = ("0"..."9").contains(scalar)
            let isLetter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
            if isDigit && result.isEmpty { result = "_" }
            result += isDigit || isLetter || further.unicodeScalars.contains(scalar) ? String(scalar) : "_"
        }
        return result.isEmpty ? "_" : result
    }

    /// A label's value, escaped.
    static func escape(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\"") || $0 == 10 }) else {
            return value
        }
        return value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        // "3" and not "3.0": shorter, and how everyone else writes it.
        if let whole = Int64(exactly: value) { return String(whole) }
        return String(value)
    }
}

/// The labels of a series, sorted and rendered once.
struct Labels: Hashable, Comparable, Sendable {
    /// `{method="GET",route="/"}`, or nothing.
    let text: String

    init(_ dimensions: [(String, String)]) {
        let pairs = dimensions.map { (PrometheusText.labelName($0.0), PrometheusText.escape($0.1)) }.sorted {
            $0.0 < $1.0
        }
        text = pairs.isEmpty ? "" : "{" + pairs.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",") + "}"
    }

    /// The same with one more label at the end; its value needs no escape.
    func adding(_ name: String, _ value: String) -> String {
        text.isEmpty ? "{\(name)=\"\(value)\"}" : "\(text.dropLast()),\(name)=\"\(value)\"}"
    }

    static func < (left: Labels, right: Labels) -> Bool { left.text < right.text }
}

extension PrometheusRegistry {
    /// Everything, sorted by name and labels.
    package func exposition() -> String {
        let (families, dropped, conflicts) = state.withLock { ($0.families, $0.droppedSeries, $0.conflicts.count) }
        var text = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text += "# TYPE \(name) \(family.kind.rawValue)\n"
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                series.write(name: name, labels: labels, to: &text)
            }
        }
        text += "# TYPE seawall_metrics_conflicting_names gauge\nseawall_metrics_conflicting_names \(conflicts)\n"
        text += "# TYPE seawall_metrics_dropped_series_total counter\nseawall_metrics_dropped_series_total \(dropped)\n"
        return text
    }
}
