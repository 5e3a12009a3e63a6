// SPDX-License-Identifier: Apache-2.0

internal import Reports
internal import Resilience

/// The policies of pipelines as a person reads them: a block for each pipeline, a line for each policy.
struct PolicyListing {
    let pipelines: [PipelineSnapshot]

    func text(style: Style) -> String {
        pipelines.map { block($0, style) }.joined(separator: "\n\n")
    }

    private func block(_ pipeline: PipelineSnapshot, _ style: Style) -> String {
        let width = pipeline.policies.map(\.kind.rawValue.count).max() ?? 0
        let lines = pipeline.policies.map { policy -> String in
            let tone: Style.Tone =
                switch policy.mode {
                case .disabled: .dim
                case .shadow: .warning
                default: .good
                }
            let details =
                policy.mode == .disabled
                ? ""
                : [options(policy), state(policy)].filter { !$0.isEmpty }
                    .joined(separator: "; ")
            let name = pad(policy.kind.rawValue, to: width)
            let mode = style.paint(pad(policy.mode.rawValue, to: 13), tone)
            return "  \(name)  \(mode)  \(details)".trimmingEnd()
        }
        let calls = pipeline.counters["calls", default: 0]
        return ([style.paint(pipeline.name, .strong) + "  \(calls) \(calls == 1 ? "call" : "calls")"] + lines)
            .joined(separator: "\n")
    }

    private func options(_ policy: PipelineSnapshot.Policy) -> String {
        guard case .map(let map) = policy.configuration else { return "" }
        return map.entries.compactMap { entry in Self.inline(entry.value).map { "\(entry.key) \($0)" } }
            .joined(separator: ", ")
    }

    private func state(_ policy: PipelineSnapshot.Policy) -> String {
        guard case .map(let map) = policy.state, case .string(let state) = map["state"] else { return "" }
        return "now \(state)"
    }

    /// A value on one line; nil for nothing.
    static func inline(_ value: ConfigurationValue) -> String? {
        switch value {
        case .null: nil
        case .bool(let value): value ? "yes" : "no"
        case .int(let value): String(value)
        case .double(let value): String(value)
        case .string(let value): value
        case .list(let values): "[\(values.compactMap(inline).joined(separator: ", "))]"
        case .map(let map):
            "{\(map.entries.compactMap { entry in inline(entry.value).map { "\(entry.key) \($0)" } }.joined(separator: ", "))}"
        }
    }

    private func pad(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

extension String {
    fileprivate func trimmingEnd() -> String { String(reversed().drop { $0 == " " }.reversed()) }
}
