// SPDX-License-Identifier: Apache-2.0

/// Finds the name that somebody probably meant.
enum NearestName {
    /// The candidate with the fewest edits (insert, delete, replace, swap of neighbours), or nil when none is near enough: at
    /// most one edit for each three characters, at least one.
    static func of(_ text: String, among candidates: some Sequence<String>) -> String? {
        let limit = max(1, text.count / 3)
        // A name this long is a paste, not a slip; and the table below is quadratic.
        guard text.count <= 64 else { return nil }
        var best: (name: String, distance: Int)?
        for candidate in candidates where abs(candidate.count - text.count) <= limit {
            let distance = edits(Array(text.lowercased()), Array(candidate.lowercased()))
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// `" Did you mean 'x'?"` or nothing, to end a message with.
    static func hint(for text: String, among candidates: some Sequence<String>) -> String {
        of(text, among: candidates).map { "; did you mean '\($0)'?" } ?? ""
    }

    /// Optimal string alignment distance.
    private static func edits(_ a: [Character], _ b: [Character]) -> Int {
        if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
        var rows = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
        for i in 0...a.count { rows[i][0] = i }
        for j in 0...b.count { rows[0][j] = j }
        for i in 1...a.count {
            for j in 1...b.count {
                let cost = a[i - 1] == b[j - 1] ? 0 : 1
                rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + cost)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
                }
            }
        }
        return rows[a.count][b.count]
    }
}
