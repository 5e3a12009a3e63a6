// SPDX-License-Identifier: Apache-2.0

/// A place in a script.
package struct ScriptPosition: Sendable, Hashable, Comparable {
    /// From 1.
    package var line: Int
    /// From 1, in Unicode scalars.
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// One mistake in a script.
package struct ScenarioFault: Error, Sendable, Equatable {
    /// Nil when the file could not be read at all.
    package var position: ScriptPosition?
    /// One sentence: what is wrong, what is allowed, the nearest name.
    package var message: String

    package init(position: ScriptPosition?, message: String) {
        self.position = position
        self.message = message
    }
}

/// All mistakes of a script, in the order of their positions. Its description is what a person should see.
package struct ScenarioFaults: Error, Sendable, CustomStringConvertible {
    /// The path as the user gave it.
    package var file: String
    package var faults: [ScenarioFault]
    private var text: ScriptText

    init(file: String, faults: [ScenarioFault], text: ScriptText) {
        self.file = file
        self.text = text
        // The same sentence twice at one place is one mistake seen twice, for example through an alias. The sort is made
        // stable by the index, so that faults at one place stay in the order in which they were found.
        var seen: [ScriptPosition?: Set<String>] = [:]
        let distinct = faults.filter { seen[$0.position, default: []].insert($0.message).inserted }
        self.faults = distinct.enumerated().sorted { a, b in
            let first = a.element.position ?? ScriptPosition(line: 0, column: 0)
            let second = b.element.position ?? ScriptPosition(line: 0, column: 0)
            return first == second ? a.offset < b.offset : first < second
        }.map(\.element)
    }

    /// For each fault `file:line:column: error: message`, the line of the script and a caret under the place.
    package var description: String {
        faults.map { fault in
            guard let position = fault.position else { return "\(file): error: \(fault.message)" }
            let head = "\(file):\(position.line):\(position.column): error: \(fault.message)"
            return text.excerpt(at: position).map { "\(head)\n\($0)" } ?? head
        }.joined(separator: "\n")
    }
}
