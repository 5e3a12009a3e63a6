// SPDX-License-Identifier: Apache-2.0

internal import Resilience

extension ScenarioReader {
    /// Checks a template's syntax and the names in its holes.
    func readTemplate(_ text: String, in node: ScriptNode, _ variables: JourneyVariables) -> TextTemplate? {
        let template: TextTemplate
        do {
            template = try TextTemplate(text)
        } catch {
            reader.report(node.position(ofScalar: error.offset), error.message)
            return nil
        }
        check(template, in: node, from: 0, variables)
        return template
    }

    /// `start` is where the template begins in the node's text.
    private func check(_ template: TextTemplate, in node: ScriptNode, from start: Int, _ variables: JourneyVariables) {
        for (segment, offset) in zip(template.segments, template.offsets) {
            let place = node.position(ofScalar: start + offset)
            switch segment {
            case .variable(let name): _ = isKnown(name, at: place, variables)
            case .user(let column): checkColumn(column, of: "users", at: place)
            case .random(let table, let column):
                guard let system, isSocial(system, at: place) else { break }
                if reader.reference(table, "table", among: SocialNetwork.tables.keys.sorted(), at: place) {
                    checkColumn(column, of: table, at: place)
                    if table == "posts", !hasPosts {
                        reader.report(place, "there are no posts to draw from: the population has 'posts: 0'")
                    }
                }
            case .feeder(let name, let column):
                guard !variables.feeders.isEmpty else {
                    reader.report(place, "\(name.quoted) has no parts; only 'user', 'random' and feeders have")
                    break
                }
                guard reader.reference(name, "feeder", among: variables.feeders.keys.sorted(), at: place) else { break }
                if case .some(.some(let columns)) = variables.feeders[name] {
                    _ = reader.reference(column, "column of \(name)", among: columns, at: place)
                }
            case .base64(let inner):
                check(inner, in: node, from: start + offset + "${base64(".unicodeScalars.count, variables)
            default: break
            }
        }
    }

    private func checkColumn(_ column: String, of table: String, at place: ScriptPosition) {
        guard let system, isSocial(system, at: place) else { return }
        _ = reader.reference(column, "column of \(table)", among: SocialNetwork.tables[table] ?? [], at: place)
    }

    private func isSocial(_ system: Scenario.System, at place: ScriptPosition) -> Bool {
        if system == .social { return true }
        reader.report(
            place, "only the social network has users and posts to draw from; this script's system is '\(system.word)'")
        return false
    }

    func isKnown(_ name: String, at place: ScriptPosition, _ variables: JourneyVariables) -> Bool {
        if variables.known.contains(name) { return true }
        if let capture = variables.captures[name] {
            reader.report(
                place, "the variable \(name.quoted) is used before it is captured; line \(capture.line) captures it")
        } else {
            let built = ["user.id", "user.name", "user.token", "uuid", "counter", "now"]
            let names = variables.captures.keys.sorted() + variables.known.sorted() + built
            let captured = variables.captures.keys.sorted().joined(separator: ", ")
            reader.report(
                place,
                "no step captures the variable \(name.quoted)"
                    + (NearestName.find(name, in: names).map { "; did you mean \($0.quoted)?" } ?? "")
                    + (captured.isEmpty ? " (this journey captures nothing)" : " (captured: \(captured))"))
        }
        return false
    }
}
