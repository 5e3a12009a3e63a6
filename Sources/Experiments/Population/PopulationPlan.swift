// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Foundation
package import Scenarios

/// Who exists in a seeded social network, who are friends, who wrote what: a pure function of the population and the seed.
///
/// User 0 is the most popular one. Popularity follows Zipf's law: user i weighs 1 / (i + 1)^skew, and both friends and
/// authors are drawn with these weights, so that popular users have more friends and more posts.
package struct PopulationPlan: Sendable, Equatable {
    package struct User: Sendable, Equatable {
        package var name: String
        package var displayName: String
        package var password: String
    }
    package struct Friendship: Sendable, Hashable {
        /// Indices into `users`, the one who asks first.
        package var from: Int
        package var to: Int
    }
    package struct Post: Sendable, Equatable {
        package var author: Int
        package var text: String
    }
    package struct Comment: Sendable, Equatable {
        package var author: Int
        /// Index into `posts`.
        package var post: Int
        package var text: String
    }

    package var users: [User]
    package var friendships: [Friendship]
    package var posts: [Post]
    package var comments: [Comment]

    package init(_ population: Scenario.Population, seed: UInt64) {
        var random = SeededGenerator(seed: seed, member: 0x5EED)
        let words = Words()
        let popularity = ZipfDistribution(count: population.users, exponent: population.skew)

        users = (0..<max(0, population.users)).map { number in
            let (first, last) = (
                words.firstNames.randomElement(using: &random)!, words.lastNames.randomElement(using: &random)!
            )
            // Safe because both lists are literals that are not empty.
            return User(
                name: "\(first.lowercased())\(number)", displayName: "\(first) \(last)",
                password: String(format: "pw-%016llx", random.next()))
        }
        friendships = Self.friendships(
            users: users.count, mean: population.friends, popularity: popularity, random: &random)
        posts =
            users.isEmpty
            ? []
            : (0..<max(0, population.posts)).map { _ in
                Post(author: popularity.draw(&random), text: words.sentence(6...24, &random))
            }
        let attention = ZipfDistribution(count: posts.count, exponent: population.skew)
        comments =
            posts.isEmpty
            ? []
            : (0..<max(0, population.comments)).map { _ in
                Comment(
                    author: popularity.draw(&random), post: attention.draw(&random),
                    text: words.sentence(3...12, &random))
            }
    }

    /// users · mean / 2 different pairs. Everybody first gets a friend, so that no timeline is empty; the rest are drawn by
    /// popularity, which ends early in a small network where all the pairs that are likely exist already.
    private static func friendships(
        users: Int, mean: Int, popularity: ZipfDistribution, random: inout SeededGenerator
    ) -> [Friendship] {
        guard users > 1, mean > 0 else { return [] }
        let wanted = min(users * mean / 2, users * (users - 1) / 2)
        var seen: Set<Friendship> = []
        var result: [Friendship] = []
        func add(_ a: Int, _ b: Int) {
            guard a != b, result.count < wanted, seen.insert(Friendship(from: min(a, b), to: max(a, b))).inserted else {
                return
            }
            result.append(Friendship(from: a, to: b))
        }
        for user in 1..<users { add(user, Int.random(in: 0..<user, using: &random)) }
        var attempts = 0
        while result.count < wanted, attempts < wanted * 20 {
            attempts += 1
            // One side by popularity, the other evenly: with both by popularity the unpopular would have one friend each.
            add(Int.random(in: 0..<users, using: &random), popularity.draw(&random))
        }
        return result
    }
}

/// Draws 0..<count with the weights 1 / (i + 1)^exponent.
struct ZipfDistribution: Sendable {
    private let cumulative: [Double]

    init(count: Int, exponent: Double) {
        var sum = 0.0
        cumulative = (0..<max(0, count)).map { index in
            sum += pow(Double(index + 1), -exponent)
            return sum
        }
    }

    /// An index; 0 when there is nothing to draw from.
    func draw(_ random: inout SeededGenerator) -> Int {
        guard let total = cumulative.last else { return 0 }
        let target = random.nextUnit() * total
        var (low, high) = (0, cumulative.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] <= target { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

private struct Words {
    let firstNames = [
        "Ada", "Amir", "Ana", "Boris", "Chen", "Clara", "Dilan", "Edda", "Elif", "Emil", "Fatou", "Greta", "Hugo",
        "Ines",
        "Ivo", "Jonas", "Kofi", "Lena", "Luca", "Maja", "Mina", "Nils", "Noor", "Olga", "Paul", "Rosa", "Sami", "Tara",
        "Uma", "Viktor", "Wanda", "Yusuf", "Zoe",
    ]
    let lastNames = [
        "Adler", "Berg", "Castro", "Diaz", "Eriksen", "Fischer", "Garcia", "Haas", "Ito", "Jensen", "Khan", "Lindt",
        "Moreau", "Nowak", "Okafor", "Petit", "Quist", "Rossi", "Sato", "Toth", "Usman", "Vogel", "Weiss", "Yilmaz",
        "Zola",
    ]
    private let vocabulary = [
        "about", "after", "again", "bird", "boat", "bread", "bridge", "bright", "calm", "city", "cloud", "coffee",
        "cold",
        "early", "evening", "field", "fresh", "friend", "garden", "good", "green", "harbour", "home", "island", "lamp",
        "late", "light", "long", "market", "morning", "mountain", "music", "never", "new", "night", "north", "ocean",
        "often", "old", "open", "paper", "quiet", "rain", "river", "road", "sand", "sea", "shore", "slow", "small",
        "snow", "song", "south", "spring", "stone", "storm", "street", "summer", "sun", "table", "tide", "today",
        "train",
        "tree", "walk", "wall", "warm", "water", "wave", "weather", "wide", "wind", "window", "winter", "wood",
        "yellow",
    ]

    func sentence(_ length: ClosedRange<Int>, _ random: inout SeededGenerator) -> String {
        let count = Int.random(in: length, using: &random)
        let text = (0..<count).map { _ in vocabulary[Int.random(in: 0..<vocabulary.count, using: &random)] }
        return text.joined(separator: " ").capitalizedFirst + "."
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
